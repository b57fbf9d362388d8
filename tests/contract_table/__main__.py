"""`make contract`: runs every test that shows a line of the contract, and writes docs/contract.md when all have passed."""

import subprocess
import sys

from tests.contract_table.collect import ROOT, TABLE, marked_tests, rendered

if __name__ == "__main__":
    nodes = sorted({test.node for tests in marked_tests().values() for test in tests})
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *nodes]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        sys.exit("not all of the contract's tests pass: docs/contract.md is left as it was")
    TABLE.write_text(rendered(), "utf-8")
    print(f"{len(nodes)} tests passed; {TABLE.relative_to(ROOT)} is written")
