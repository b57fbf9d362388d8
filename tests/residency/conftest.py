"""One installation for the folder: control plane, us and eu as real processes at debug log level, stub engines."""

from collections.abc import Iterator

import pytest

from tests.platform.installation import Installation, IssuedKey
from tests.residency.relay import CapturingRelay


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Everything that crosses between the planes goes through `relay`."""
    running = Installation(tmp_path_factory.mktemp("installation"))
    try:
        yield running.start(through_relay=CapturingRelay)
    finally:
        running.stop()


@pytest.fixture(scope="session")
def relay(installation: Installation) -> CapturingRelay:
    """What has crossed."""
    assert isinstance(installation.relay, CapturingRelay)
    return installation.relay


@pytest.fixture(scope="session")
def us_key(installation: Installation) -> IssuedKey:
    return installation.new_key("us")


@pytest.fixture(scope="session")
def eu_key(installation: Installation) -> IssuedKey:
    return installation.new_key("eu")
