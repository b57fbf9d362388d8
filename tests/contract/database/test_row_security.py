"""The second wall: under an organization's setting PostgreSQL shows that organization's rows alone, whatever is asked."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, Start, settings
from tests.platform.postgresql import PostgresServer

from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION, OWNED_ROWS
from domicile.persistence.database import Database
from domicile.settings.load import SettingsError

pytestmark = [SHARED_LOOP]


@dataclass
class Two:
    """Two organizations with rows in every table, and the database they lie in."""

    database: Database
    first: str
    second: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two(shared: Platform) -> AsyncIterator[Two]:
    ids = []
    for name in ("First", "Second"):
        tenant = await shared.organization(name)
        sdk = shared.sdk(tenant.admin_key).admin.organization.projects
        project = await sdk.create(name="p", extra_headers={"idempotency-key": name})
        account = await sdk.service_accounts.create(project.id, name="a")
        assert account.api_key is not None
        async with shared.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
            await connection.execute(
                text(
                    "INSERT INTO usage_minute (organization_id, minute, region, project_id, key_id, model, "
                    "fine_tuned_model, endpoint, tier, batch, image_size, requests, input_tokens, input_cached_tokens, "
                    "output_tokens, output_reasoning_tokens, characters, audio_milliseconds, images) "
                    "VALUES (:organization, 1, 'us', :project, :key, 'gpt-4o-2024-08-06', '', '/v1/chat/completions', "
                    "'default', false, '', 1, 1, 1, 1, 1, 0, 0, 0)"
                ),
                {"organization": tenant.id, "project": project.id, "key": account.api_key.id},
            )
        await shared.external_key(key=tenant.admin_key)
        await shared.external_storage(project.id, key=tenant.admin_key)
        await _spend(shared, tenant.id, tenant.admin_key, project.id)
        sold = await shared.entitlement(project.id)
        async with shared.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
            for row in (
                "service_level_minute VALUES (:o, :e, 1, 1, 0, 1, 1, 1, 1)",
                "first_token_minute VALUES (:o, :e, 1, 5, 1)",
            ):
                await connection.execute(text(f"INSERT INTO {row}"), {"o": tenant.id, "e": sold["id"]})
        gone = await sdk.create(name="gone")
        await sdk.archive(gone.id)
        await shared.operate("POST", f"/projects/{gone.id}/destroy")
        ids.append(tenant.id)
    yield Two(shared.running.database, *ids)


async def _spend(shared: Platform, organization_id: str, key: str, project_id: str) -> None:
    """A limit, an alert that has fired, and spending."""
    limit = {"threshold_amount": 5, "currency": "USD", "interval": "month"}
    await shared.ask("POST", "/v1/organization/spend_limit", limit, key=key)
    alert = {**limit, "notification_channel": {"type": "email", "recipients": []}}
    _, made = await shared.ask("POST", "/v1/organization/spend_alerts", alert, key=key)
    async with shared.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
        await connection.execute(
            text("INSERT INTO spending VALUES (:organization, 1, 'us', :project, 1, 1)"),
            {"organization": organization_id, "project": project_id},
        )
        await connection.execute(
            text("INSERT INTO webhook_delivery VALUES (:id, :organization, :alert, 1, 1, 1, 0, 1)"),
            {"id": f"evt_{organization_id}", "organization": organization_id, "alert": made["id"]},
        )


@pytest.mark.parametrize("table", OWNED_ROWS)
async def test_sql_without_a_where_clause_sees_ones_own_rows(two: Two, table: str) -> None:
    whose = text(f"SELECT {OWNED_ROWS[table]} FROM {table}")
    for reader in (two.first, two.second):
        async with two.database.reading(rows_of=reader) as connection:
            assert set((await connection.execute(whose)).scalars()) == {reader}
    async with two.database.reading(rows_of=EVERY_ORGANIZATION) as connection:
        assert {two.first, two.second} <= set((await connection.execute(whose)).scalars())


@pytest.mark.parametrize("table", OWNED_ROWS)
@pytest.mark.parametrize("rows_of", [None, "", "org-nobody", "%"])
async def test_without_an_organization_there_is_nothing(two: Two, table: str, rows_of: str | None) -> None:
    async with two.database.reading(rows_of=rows_of) as connection:
        assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


@pytest.mark.parametrize("table", ["project", "service_account", "api_key", "admin_key", "usage_minute"])
async def test_another_organizations_rows_are_neither_changed_nor_deleted(two: Two, table: str) -> None:
    column = {"usage_minute": "requests"}.get(table, "created_at_ms")
    async with two.database.reading(rows_of=two.second) as connection:
        before = (await connection.execute(text(f"SELECT * FROM {table}"))).all()
    async with two.database.transaction(rows_of=two.first) as connection:
        await connection.execute(text(f"UPDATE {table} SET {column} = {column} + 1"))
        deleted = await connection.execute(
            text(f"DELETE FROM {table} WHERE organization_id = :other"), {"other": two.second}
        )
        assert deleted.rowcount == 0
    async with two.database.reading(rows_of=two.second) as connection:
        assert (await connection.execute(text(f"SELECT * FROM {table}"))).all() == before


async def test_a_row_is_not_made_in_another_organizations_name(two: Two) -> None:
    statement = text("INSERT INTO admin_key VALUES ('key_forged', :owner, 'n', :sha256, '1234', 1, NULL)")
    values = {"owner": two.second, "sha256": b"f" * 32}
    with pytest.raises(DBAPIError, match="row-level security"):
        async with two.database.transaction(rows_of=two.first) as connection:
            await connection.execute(statement, values)
    async with two.database.transaction(rows_of=two.second) as connection:
        await connection.execute(statement, values)


async def test_the_setting_ends_with_its_transaction(two: Two) -> None:
    count = text("SELECT count(*) FROM organization")
    for _ in range(20):
        async with two.database.reading(rows_of=EVERY_ORGANIZATION) as connection:
            assert (await connection.execute(count)).scalar_one() >= 2
        async with two.database.reading() as connection:
            assert (await connection.execute(count)).scalar_one() == 0


async def test_a_role_for_which_the_wall_does_not_stand_stops_the_start(
    start: Start, tmp_path_factory: pytest.TempPathFactory, postgresql: PostgresServer
) -> None:
    postgresql.sql("CREATE ROLE exempt LOGIN BYPASSRLS")
    for role in ("postgres", "exempt"):
        url = postgresql.database(role=role)
        with pytest.raises(SettingsError, match="would not keep organizations apart"):
            await start(settings(tmp_path_factory.mktemp(role), database={"url": url, "country": "US"}))
