"""Links to images on both databases; on PostgreSQL they are shared by a region's replicas."""

from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, select
from tests.contract.database.conftest import Open
from tests.unit.data_plane.region_parts import PROJECT, SetClock

from domicile.data_plane.storage import image_links
from domicile.data_plane.storage.image_links import LIFETIME_MS, ImageLinks
from domicile.data_plane.tables import image_link
from domicile.kernel.errors import DomicileError
from domicile.persistence.database import Database

PICTURE = bytes(range(256)) * 4000


def links(database: Database, clock: SetClock) -> ImageLinks:
    return ImageLinks(database, clock, base_url="https://eu.example.com/v1", is_live=lambda _: True)


async def opened(at: ImageLinks, url: str) -> bytes | None:
    parts = urlsplit(url)
    try:
        return await at.open(parts.path.rpartition("/")[2], parse_qs(parts.query)["key"][0])
    except DomicileError:
        return None


async def test_what_one_replica_stores_another_serves_sweeps_and_destroys(
    databases: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await databases("region")
    second = await databases("region", first.url)
    clock = SetClock()
    here, there = links(first, clock), links(second, clock)
    old = [await here.store(PROJECT, b"old") for _ in range(101)]
    assert await opened(there, old[0]) == b"old"
    clock.ms += LIFETIME_MS
    url = await here.store(PROJECT, PICTURE)
    assert await opened(there, url) == PICTURE
    monkeypatch.setattr(image_links, "PROJECT_BYTES_MAX", len(PICTURE))
    with pytest.raises(DomicileError):
        await there.require_room(PROJECT)
    await there.sweep()
    async with first.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(image_link))).scalar_one() == 1
    await there.destroy(PROJECT)
    assert await opened(here, url) is None
