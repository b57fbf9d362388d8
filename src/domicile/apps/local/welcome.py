"""The text that `domicile up` prints when it is ready: URLs, files, and example commands for a first request."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domicile.apps.local.layout import CONTROL, Layout
from domicile.settings.installation import Installation, RegionSettings

_QUESTION = "What is the capital of Germany?"
# A model this small may not stop by itself. The examples use temperature 0, because only its likeliest words make sense.
_ANSWER_TOKENS = 40
_PREFERRED_MODEL = "gpt-4o-mini-2024-07-18"


def welcome(installation: Installation, layout: Layout, urls: Mapping[str, str], *, show_key: bool) -> str:
    """The text. `urls`: base URLs by plane. `show_key`: whether to include the admin key itself, beside its file."""
    root = _short(layout.root)
    key = _short(layout.admin_key)
    if show_key:
        key = f"{layout.admin_key.read_text('ascii').strip()}  (in {key})"
    lines = ["", "Domicile is running on this machine.", ""]
    lines += [f"  {name:<15}{url}" for name, url in urls.items()]
    lines += [
        "",
        f"  admin key      {key}",
        f"  operator key   {_short(layout.operator_key)}",
        f"  configuration  {_short(layout.configuration)}",
        f"  logs           {root}/*/logs",
        "",
    ]
    region = _region_to_try(installation)
    if region is not None:
        lines += _examples(region, layout, urls)
    lines.append("Ctrl-C stops everything.")
    return "\n".join(lines) + "\n"


def _region_to_try(installation: Installation) -> RegionSettings | None:
    """The region for the example: one with engines that the first organization may use. None if there is none.

    It prefers a region that is not the default, because the example shows how to name a region.
    """
    is_agreed = installation.control.first_organization.agreement
    found = [region for region in installation.regions if region.engines and (is_agreed or not region.requires)]
    return next((region for region in found if region.code != installation.default_region), next(iter(found), None))


def _examples(region: RegionSettings, layout: Layout, urls: Mapping[str, str]) -> list[str]:
    command = _command()
    data = shlex.quote(_short(layout.root))
    models = [name for engine in region.engines for name in engine.models]
    model = _PREFERRED_MODEL if _PREFERRED_MODEL in models else models[0]
    options: dict[str, Any] = {"model": model, "max_tokens": _ANSWER_TOKENS, "temperature": 0}
    messages = [{"role": "user", "content": _QUESTION}]
    body = shlex.quote(json.dumps(options | {"messages": messages}))
    return [
        f"Create a project in '{region.code}' and a key, and send a request, from another terminal in this folder:",
        "",
        f"  PROJECT=$({command} projects create --data {data} --name hello --region {region.code} --quiet)",
        f"  KEY=$({command} keys create --data {data} --project $PROJECT --name hello --quiet)",
        f'  curl {urls[region.code]}/chat/completions -H "Authorization: Bearer $KEY" \\',
        f'    -H "Content-Type: application/json" -d {body}',
        "",
        f"The same in Python, with OpenAI's own SDK (pip install openai; then {_python()}):",
        "",
        "  from pathlib import Path",
        "  from openai import OpenAI",
        f"  key = Path({str(layout.admin_key)!r}).read_text().strip()",
        f'  admin = OpenAI(base_url="{urls[CONTROL]}", admin_api_key=key).admin.organization.projects',
        f'  project = admin.create(name="hello", residency="{region.residency}")',
        '  account = admin.service_accounts.create(project.id, name="hello")',
        f'  client = OpenAI(base_url="{urls[region.code]}", api_key=account.api_key.value)',
        f"  messages = {json.dumps(messages)}",
        f"  options = {json.dumps(options)}",
        "  answer = client.chat.completions.create(messages=messages, **options)",
        "  print(answer.choices[0].message.content)",
        "",
    ]


def _command() -> str:
    """The command to call this `domicile`: its name, or its path if the shell would find none or another one."""
    beside_python = Path(sys.executable).with_name("domicile")
    found = shutil.which("domicile")
    if not beside_python.exists() or (found is not None and Path(found).samefile(beside_python)):
        return "domicile"
    return shlex.quote(_short(beside_python))


def _python() -> str:
    found = shutil.which("python")
    is_found = found is not None and Path(found).absolute() == Path(sys.executable).absolute()
    return "python" if is_found else _short(Path(sys.executable))


def _short(path: Path) -> str:
    """The path relative to the current folder if it is inside; otherwise absolute."""
    here = Path.cwd()
    absolute = Path(os.path.normpath(path.absolute()))
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
