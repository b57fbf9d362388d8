"""The examples of the documents, run as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey
from tests.platform.processes import ROOT


def test_the_example_prints_an_answer_from_both_regions(up: RunningUp, tmp_path: Path) -> None:
    (tmp_path / ".domicile").symlink_to(up.folder)
    readme = (ROOT / "README.md").read_text("utf-8")
    example = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(example) == 1
    outcome = subprocess.run(
        [sys.executable, "-c", example[0]], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    printed = outcome.stdout.splitlines()
    for region in ("us", "eu"):
        answers = [line.split("->")[1].strip() for line in printed if line.startswith(f"{region} ")]
        assert len(answers) >= 2
        assert all(answers)
    host = up.region_url("eu").removeprefix("http://").removesuffix("/v1")
    assert printed[-1].startswith("incorrect_hostname")
    assert printed[-1].endswith(host)


def test_the_example_for_who_comes_from_openais_batches(up: RunningUp, eu_key: IssuedKey) -> None:
    page = (ROOT / "docs" / "coming-from-openai-batches.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    for placeholder, real in (("https://eu.example.com/v1", up.region_url("eu")), ("sk-eu-...", eu_key.secret)):
        assert placeholder in example
        example = example.replace(placeholder, real)
    outcome = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=100, check=False)
    assert outcome.returncode == 0, outcome.stderr
    summary, *answers = outcome.stdout.splitlines()
    assert summary.startswith("completed ")
    assert [answer.split()[0] for answer in answers] == ["question-0", "question-1"]
