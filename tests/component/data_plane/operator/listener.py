"""An operator listener over parts that a test can set, and the key that opens it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from domicile.apps.region.foundation import Foundation
from domicile.apps.region.operator import KEY_FILE, URL_FILE, RegionOperator
from domicile.apps.region.request_path import RequestPath, build_request_path
from domicile.web.server.http_server import serving
from tests.unit.data_plane.region_parts import SetClock, engine_settings, foundation, region_settings

REPLICA = "rep_" + "R" * 24


@dataclass
class Listener:
    """The listener and what it looks at."""

    url: str
    folder: Path
    machine_clock: SetClock
    base: Foundation
    path: RequestPath
    operator: RegionOperator

    @asynccontextmanager
    async def without_databases(self) -> AsyncIterator[None]:
        """While the block runs neither file of the region can be opened."""
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        files = [file for name in ("metering", "region") for file in self.folder.glob(f"{name}.db*")]
        for database in (self.base.storage.metering, self.base.storage.region):
            # What is open already would go on working.
            await database.close()
        for file in files:
            if file.exists():
                file.rename(elsewhere / file.name)
        # A folder of that name keeps a new file from being made.
        places = [self.folder / f"{name}.db" for name in ("metering", "region")]
        for place in places:
            place.mkdir()
        try:
            yield
        finally:
            for place in places:
                place.rmdir()
            for file in elsewhere.iterdir():
                file.rename(self.folder / file.name)

    @property
    def key_file(self) -> Path:
        return self.folder / KEY_FILE

    async def get(self, path: str, key: str | None = None) -> httpx2.Response:
        """With the key of the file, unless another is given."""
        return await self.ask("GET", path, key=key)

    async def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> httpx2.Response:
        """Any call."""
        shown = self.key_file.read_text().split()[0] if key is None else key
        async with httpx2.AsyncClient(verify=False, trust_env=False) as client:
            # As bytes, so that what is no Latin-1 can be sent too.
            headers: dict[bytes, bytes] = {b"authorization": f"Bearer {shown}".encode()} if shown else {}
            return await client.request(method, f"{self.url}{path}", headers=headers, json=body)


@asynccontextmanager
async def operator_listener(folder: Path) -> AsyncIterator[Listener]:
    """Serves while the block runs: two engines, none healthy yet; no snapshot yet."""
    engines = [
        engine_settings("one", max_concurrency=3),
        engine_settings("two", country="FR", models={"gpt-4-0613": "x"}),
    ]
    settings = region_settings(folder, engines=tuple(engines))
    machine_clock, operator = SetClock(), RegionOperator(settings)
    async with AsyncExitStack() as stack:
        base = await foundation(settings, stack, clock=machine_clock)
        path = await build_request_path(base, stack, observer=operator.work, job_observer=operator.jobs)
        operator.show(REPLICA, base, path)
        await stack.enter_async_context(serving([operator.listen(stack)]))
        url = (folder / URL_FILE).read_text().strip()
        yield Listener(url, folder, machine_clock, base, path, operator)
