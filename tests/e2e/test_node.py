"""The official Node SDK, from npm, against both regions: `tests/node`, one file for each family of endpoints."""

import pytest

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey
from tests.platform.node import FOLDER, run_tests


@pytest.mark.contract("C11")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("code", ["us", "eu"])
def test_every_endpoint(up: RunningUp, us_key: IssuedKey, eu_key: IssuedKey, code: str) -> None:
    key, foreign = (us_key, "eu") if code == "us" else (eu_key, "us")
    environment = {
        "DOMICILE_BASE_URL": up.region_url(code),
        "DOMICILE_API_KEY": key.secret,
        "DOMICILE_FOREIGN_BASE_URL": up.region_url(foreign),
    }
    run_tests(sorted(FOLDER.glob("*.test.mjs")), environment)
