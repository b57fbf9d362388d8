"""`docs/clients.md`: its examples run as they stand there, and its table says what was recorded."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.e2e.clients.capture import CAPTURED
from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey
from tests.platform.node import FOLDER, NODE
from tests.platform.processes import ROOT

PAGE = (ROOT / "docs" / "clients.md").read_text("utf-8")
SECTIONS: dict[str, str] = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", PAGE, re.MULTILINE))
EXAMPLES = {title: re.findall(r"```(python|js)\n(.*?)```", text, re.DOTALL) for title, text in SECTIONS.items()}
COMMANDS = {"python": [sys.executable, "-c"], "js": [str(NODE), "--input-type=module", "--eval"]}


@pytest.mark.parametrize("title", [title for title, examples in EXAMPLES.items() if examples])
def test_an_example_runs(up: RunningUp, eu_key: IssuedKey, title: str) -> None:
    ((language, code),) = EXAMPLES[title]
    outcome = subprocess.run(
        [*COMMANDS[language], code],
        # Node finds packages from the folder that it is started in.
        cwd=FOLDER,
        env={"PATH": os.environ["PATH"], "OPENAI_BASE_URL": up.region_url("eu"), "OPENAI_API_KEY": eu_key.secret},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.strip()


def test_each_client_that_the_matrix_runs_has_an_example() -> None:
    shown = [title for title, examples in EXAMPLES.items() if examples]
    assert shown == [
        "The official Python SDK",
        "The official Node SDK",
        "Vercel AI SDK",
        "LangChain",
        "pydantic-ai",
    ]


def test_the_table_says_what_was_recorded() -> None:
    rows = []
    for file in sorted(CAPTURED.glob("*.json")):
        captured = json.loads(file.read_text("utf-8"))
        named = sorted({name for each in captured["requests"] for name in (each["ignored"] or "").split(", ") if name})
        ignored = ", ".join(f"`{name}`" for name in named) or "nothing"
        rows.append(f"| {captured['client']} | {captured['version']} | `{captured['setup']}` | {ignored} |")
    table = re.findall(r"^\| \S+ \| [\d.]+ \| .*$", SECTIONS["Clients tested by what they send"], re.MULTILINE)
    assert table == rows
