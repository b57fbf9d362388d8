"""The negative twins, proved: with a rule of the contract switched off in the source, the tests named beside it fail.

A mutant is one replacement in a function of a copy of the source; the tests run against the copy.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, SOURCE
from tests.mutation import rules_of_limits, rules_of_shared_limits, rules_of_the_contract, rules_of_the_design
from tests.mutation.mutant import Mutant

MUTANTS = [
    *rules_of_the_contract.MUTANTS,
    *rules_of_the_design.MUTANTS,
    *rules_of_limits.MUTANTS,
    *rules_of_shared_limits.MUTANTS,
]


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.contract}: {mutant.rule}")
def test_a_rule_that_is_switched_off_makes_a_test_fail(tmp_path: Path, mutant: Mutant) -> None:
    shutil.copytree(SOURCE, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    mutant.apply(tmp_path / "src")
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *shlex.split(mutant.tests)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1, f"nothing noticed that this rule is off: {mutant.rule}\n{outcome.stdout[-2000:]}"
    assert "failed" in outcome.stdout


def test_every_mutant_is_a_place_in_the_source() -> None:
    for mutant in MUTANTS:
        tests = [word.partition("::")[0] for word in shlex.split(mutant.tests) if word.startswith("tests/")]
        assert tests, mutant.rule
        assert all((ROOT / path).exists() for path in tests), mutant.rule
        assert len(mutant.places()) == 1, mutant.rule
