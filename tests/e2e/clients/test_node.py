"""Clients of Node, from npm: every helper of the official SDK, and the Vercel AI SDK with both of its providers."""

import pytest

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey
from tests.platform.node import FOLDER, run_tests


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["openai", "vercel"])
def test_client(up: RunningUp, eu_key: IssuedKey, name: str) -> None:
    environment = {
        "DOMICILE_BASE_URL": up.region_url("eu"),
        "DOMICILE_API_KEY": eu_key.secret,
        "DOMICILE_FOREIGN_BASE_URL": up.region_url("us"),
    }
    run_tests([FOLDER / "clients" / f"{name}.test.mjs"], environment)
