"""The control plane under test, started in the test's own folder."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from domicile.apps.control.composition import control_plane
from domicile.control_plane.publication import snapshot_feed
from domicile.settings.database import DatabaseSettings
from domicile.settings.installation import Installation
from tests.component.control_plane.platform_under_test import (
    CATALOGUE,
    Platform,
    ShiftedClock,
    Start,
    settings,
)

NewDatabase = Callable[[], DatabaseSettings]
TakeAway = Callable[[Platform], AbstractAsyncContextManager[None]]


@pytest.fixture(autouse=True)
def brief_acknowledgements(monkeypatch: pytest.MonkeyPatch) -> None:
    """A double of a region polls only when a test asks, so a change would wait for its whole patience."""
    monkeypatch.setattr(snapshot_feed, "ACKNOWLEDGEMENT_S", 0.05)


@pytest.fixture(scope="session")
def new_database() -> NewDatabase:
    """A control plane's database: a file. Another folder's tests replace this by a server."""
    return DatabaseSettings


@pytest.fixture
def clock() -> ShiftedClock:
    """The clock of the control plane under test."""
    return ShiftedClock()


@pytest.fixture
async def start(tmp_path: Path, clock: ShiftedClock, new_database: NewDatabase) -> AsyncIterator[Start]:
    """Starts a control plane in the test's folder. `async with` it to stop it before the test ends."""
    database = new_database()

    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:

        async def start(installation: Installation | None = None, lifetime: AsyncExitStack = stack) -> Platform:
            chosen = installation or settings(tmp_path)
            if chosen.control.database.url is None:
                control = chosen.control.model_copy(update={"database": database})
                chosen = chosen.model_copy(update={"control": control})
            running = await lifetime.enter_async_context(
                control_plane(chosen, clock=clock, catalogue=CATALOGUE, monotonic=clock.monotonic)
            )
            return Platform(running, tmp_path, session, lifetime)

        yield start


@pytest.fixture
async def platform(start: Start) -> Platform:
    """A control plane at its first start."""
    return await start()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> AsyncIterator[Platform]:
    """One control plane for many tests that leave each other alone: both regions enrolled, and nobody polls.

    Tests that use it are marked `SHARED_LOOP`.
    """
    folder = tmp_path_factory.mktemp("shared")
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        running = await stack.enter_async_context(
            control_plane(settings(folder, database=new_database()), clock=ShiftedClock(), catalogue=CATALOGUE)
        )
        platform = Platform(running, folder, session, stack)
        platform.regions = {code: await platform.enrolled(code) for code in ("us", "eu")}
        yield platform


@pytest.fixture
def take_away() -> TakeAway:
    """Takes a control plane's database away while the block runs: its file cannot be opened any more."""

    @asynccontextmanager
    async def away(platform: Platform) -> AsyncIterator[None]:
        folder = platform.folder / "control"
        # What is open already would go on working.
        await platform.running.database.close()
        folder.rename(folder.with_name("elsewhere"))
        try:
            yield
        finally:
            folder.with_name("elsewhere").rename(folder)

    return away
