"""One installation for the folder: control plane, us and eu as real processes at debug log level, stub engines."""

from collections.abc import Iterator

import pytest

from tests.platform.installation import Installation, IssuedKey


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Alive after every test, however hostile: each process is looked at when the session ends."""
    running = Installation(tmp_path_factory.mktemp("installation"))
    try:
        yield running.start()
        for process in running.processes.values():
            process.check()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def us_key(installation: Installation) -> IssuedKey:
    return installation.new_key("us")


@pytest.fixture(scope="session")
def admin_key(installation: Installation) -> str:
    return (installation.folder / "control" / "admin.key").read_text().strip()
