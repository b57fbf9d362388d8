"""Links to images: ciphertext at rest, one hour, one project, one region (design 5)."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from domicile.data_plane.storage.image_links import LIFETIME_MS, ImageLinks
from domicile.data_plane.storage.project_keys import ProjectKey
from domicile.data_plane.tables import image_link
from domicile.kernel.errors import DomicileError
from domicile.persistence.database import Database
from tests.residency.memory import forms, in_files
from tests.unit.data_plane.region_parts import PROJECT, SetClock, database_in

OTHER = "proj_" + "X" * 24
PICTURE = b"\x89PNG" + b"canary of a picture" * 50


class Region:
    """Links of a region whose projects are served unless the test says otherwise."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SetClock()
        self.shut_out: set[str] = set()
        self.outside_key: ProjectKey | None = None
        self.links = ImageLinks(
            database,
            self.clock,
            base_url="https://eu.example.com/v1",
            is_live=lambda each: each not in self.shut_out,
            outside_key=self.outside,
        )

    async def outside(self, _project_id: str) -> ProjectKey | None:
        return self.outside_key

    async def open(self, url: str) -> bytes | None:
        """None for a 404."""
        parts = urlsplit(url)
        try:
            return await self.links.open(parts.path.rpartition("/")[2], parse_qs(parts.query)["key"][0])
        except DomicileError as error:
            assert error.code == "not_found"
            return None

    async def rows(self) -> int:
        async with self.database.reading() as connection:
            count: int = (await connection.execute(select(func.count()).select_from(image_link))).scalar_one()
        return count


@pytest_asyncio.fixture
async def region(tmp_path: Path) -> AsyncIterator[Region]:
    async with database_in(tmp_path, "region") as database:
        yield Region(database)


async def test_where_an_organizations_own_key_opens_content_the_link_alone_does_not(region: Region) -> None:
    region.outside_key = ProjectKey(PROJECT, bytes(32))
    url = await region.links.store(PROJECT, PICTURE)
    assert await region.open(url) == PICTURE
    for other in (None, ProjectKey(PROJECT, bytes([1]) * 32)):
        region.outside_key = other
        assert await region.open(url) is None


@pytest.mark.contract("C21")
async def test_it_is_the_regions_own_address_and_opens_for_an_hour(region: Region) -> None:
    url = await region.links.store(PROJECT, PICTURE)
    assert re.fullmatch(r"https://eu\.example\.com/v1/images/content/img_[0-9A-Za-z]{24}\?key=[0-9A-Za-z_-]{43}", url)
    assert await region.open(url) == PICTURE
    region.clock.ms += LIFETIME_MS - 1
    assert await region.open(url) == PICTURE
    region.clock.ms += 1
    assert await region.open(url) is None


@pytest.mark.contract("C06")
async def test_neither_picture_nor_key_is_on_disk_and_a_restart_changes_nothing(tmp_path: Path) -> None:
    async with database_in(tmp_path, "region") as database:
        url = await Region(database).links.store(PROJECT, PICTURE)
        key = parse_qs(urlsplit(url).query)["key"][0].encode()
        for needle in (b"canary of a picture", key):
            assert in_files(tmp_path, forms(needle)) == []
        assert in_files(tmp_path, {"id": PROJECT.encode()}) != [], "the search sees what is there"
    async with database_in(tmp_path, "region") as database:
        assert await Region(database).open(url) == PICTURE
        for needle in (b"canary of a picture", key):
            assert in_files(tmp_path, forms(needle)) == []


@pytest.mark.parametrize("column", ["project_id", "image_id", "expires_at_ms"])
async def test_a_ciphertext_opens_in_its_own_row_alone(region: Region, column: str) -> None:
    url = await region.links.store(PROJECT, PICTURE)
    moved = {"project_id": OTHER, "image_id": "img_" + "0" * 24, "expires_at_ms": region.clock.ms + 2 * LIFETIME_MS}
    async with region.database.transaction() as connection:
        await connection.execute(update(image_link).values({column: moved[column]}))
    if column == "image_id":
        url = re.sub(r"img_\w{24}", "img_" + "0" * 24, url)
    assert await region.open(url) is None


async def test_a_changed_ciphertext_is_no_picture(region: Region) -> None:
    url = await region.links.store(PROJECT, PICTURE)
    async with region.database.transaction() as connection:
        sealed = (await connection.execute(select(image_link.c.ciphertext))).scalar_one()
        await connection.execute(update(image_link).values(ciphertext=sealed[:-1] + bytes([sealed[-1] ^ 1])))
    assert await region.open(url) is None


async def test_a_project_that_is_not_served_has_no_pictures_until_it_is_again(region: Region) -> None:
    url = await region.links.store(PROJECT, PICTURE)
    region.shut_out = {PROJECT}
    assert await region.open(url) is None
    region.shut_out = set()
    assert await region.open(url) == PICTURE


async def test_the_sweep_takes_what_is_over_and_destruction_what_is_a_projects(region: Region) -> None:
    for _ in range(120):
        await region.links.store(PROJECT, b"old")
    region.clock.ms += LIFETIME_MS
    mine, others = await region.links.store(PROJECT, PICTURE), await region.links.store(OTHER, PICTURE)
    await region.links.sweep()
    assert await region.rows() == 2
    await region.links.destroy(PROJECT)
    await region.links.destroy(PROJECT)
    assert (await region.open(mine), await region.open(others)) == (None, PICTURE)
    assert await region.rows() == 1


async def test_room_is_each_projects_own_and_comes_back(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domicile.data_plane.storage.image_links.PROJECT_BYTES_MAX", len(PICTURE))
    await region.links.require_room(PROJECT)
    await region.links.store(PROJECT, PICTURE)
    with pytest.raises(DomicileError) as caught:
        await region.links.require_room(PROJECT)
    assert caught.value.code == "rate_limit_exceeded"
    await region.links.require_room(OTHER)
    region.clock.ms += LIFETIME_MS
    await region.links.require_room(PROJECT)
