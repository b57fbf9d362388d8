"""A control plane and a region without the extra `domicile[engines]`: small, complete, and clear about what is missing."""

import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.platform.installation import Installation
from tests.platform.lock_files import pinned
from tests.platform.processes import consecutive_ports

BYTES_MAX = 300_000_000


@dataclass
class Environment:
    """A virtual environment."""

    python: str
    packages: int
    size_bytes: int
    """Of all files of its packages, as they are installed."""


def run(python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, *arguments], capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Domicile and what `requirements.lock` holds, and nothing else: links to the files of the tests' own environment."""
    folder = tmp_path_factory.mktemp("base")
    venv.create(folder, symlinks=True)
    scheme = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", scheme))
    names, size = [*pinned("requirements.lock"), "domicile"], 0
    for name in names:
        found = distribution(name)
        for file in found.files or ():
            source = Path(str(found.locate_file(file)))
            if file.parts[0] == ".." or file.suffix == ".pyc" or not source.is_file():
                continue
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source.resolve())
            size += source.stat().st_size
    return Environment(str(folder / "bin" / "python"), len(names), size)


def test_it_is_small_and_has_no_engine(base: Environment) -> None:
    everything = [*pinned("requirements-engines.lock"), "domicile"]
    whole = sum(
        path.stat().st_size
        for name in everything
        for file in distribution(name).files or ()
        if (path := Path(str(distribution(name).locate_file(file)))).is_file() and file.suffix != ".pyc"
    )
    print(
        f"\n{base.packages} packages, {base.size_bytes / 1e6:.0f} MB; with engines {len(everything)}, {whole / 1e6:.0f} MB"
    )
    assert base.size_bytes < BYTES_MAX
    assert whole > base.size_bytes * 3
    for module in ("numpy", "onnxruntime", "xllamacpp"):
        assert "ModuleNotFoundError" in run(base.python, "-c", f"import {module}").stderr


def test_a_control_plane_and_regions_answer_a_chat(base: Environment, tmp_path: Path) -> None:
    installation = Installation(tmp_path / "installation", python=base.python)
    try:
        installation.start()
        for code in ("us", "eu"):
            client = installation.client(code, installation.new_key(code).secret)
            said = [{"role": "user", "content": "Say hello."}]
            answer = client.chat.completions.create(model="gpt-4o-2024-08-06", messages=said)  # type: ignore[arg-type]  # plain dictionaries
            assert answer.choices[0].message.content
    finally:
        installation.stop()


COMMAND = "-m pip install --no-deps --require-hashes --only-binary :all: -r requirements-engines.lock"


def test_up_names_the_command_that_installs_them(base: Environment, tmp_path: Path) -> None:
    ports = str(consecutive_ports(3))
    outcome = run(
        base.python, "-P", "-m", "domicile.apps.local", "--data", str(tmp_path / "data"), "--port-base", ports
    )
    assert outcome.returncode == 1
    assert f"{base.python} {COMMAND}" in outcome.stdout + outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_region_with_embedded_engines_does_too(base: Environment, tmp_path: Path) -> None:
    installation = Installation(tmp_path, engine_extra="embedded = true")
    installation.configure()
    served = ("--config", str(installation.config), "--region", "us")
    outcome = run(base.python, "-P", "-m", "domicile.apps.region", *served)
    assert outcome.returncode == 1
    assert f"{base.python} {COMMAND}" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_an_engine_does_too(base: Environment, tmp_path: Path) -> None:
    outcome = run(base.python, "-P", "-m", "domicile_engines", "--socket", str(tmp_path / "engine.sock"))
    assert outcome.returncode == 1
    assert f"{base.python} {COMMAND}" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_with_the_extra_nothing_is_missing() -> None:
    code = "from domicile.process.engine_packages import missing_engine_packages; print(missing_engine_packages())"
    assert run(sys.executable, "-c", code).stdout.strip() == "()"
