"""The operator listener: whom it lets in, and what it says of the region."""

import re
import stat
from pathlib import Path

import pytest

from domicile.boundary.audit import RegionEventType
from domicile.boundary.snapshot import Shard
from domicile.data_plane.operator.app import OperatorEndpoints, operator_routes
from domicile.kernel.secret_files import write_secret
from domicile.web.operator_keys import OperatorKeyFileError, OperatorKeys
from tests.component.data_plane.operator.listener import REPLICA, operator_listener
from tests.unit.data_plane.metering.entries import ledger_entry
from tests.unit.data_plane.region_parts import NOW_MS, current_snapshot

NEW_KEY = "opk-" + "N" * 40


async def test_the_key_is_made_at_the_first_start_and_kept(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        first = listener.key_file.read_text()
        assert re.fullmatch(r"opk-[0-9A-Za-z]{40}\n", first)
        assert stat.S_IMODE(listener.key_file.stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "operator-url").stat().st_mode) == 0o600
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", listener.url)
    assert not (tmp_path / "operator-url").exists()
    async with operator_listener(tmp_path) as listener:
        assert listener.key_file.read_text() == first


@pytest.mark.parametrize("path", ["/operator/v1/health", "/metrics", "/", "/v1/models", "/operator/v1/unknown"])
@pytest.mark.parametrize("key", ["", NEW_KEY, "sk-eu-1" + "a" * 38, "opk-", "é" * 44])
async def test_nobody_else_learns_anything(tmp_path: Path, path: str, key: str) -> None:
    async with operator_listener(tmp_path) as listener:
        answer = await listener.get(path, key)
        assert answer.status_code == 401
        error = answer.json()["error"]
        assert error["code"] == "invalid_api_key"
        assert len(key) < 16 or key not in error["message"]


async def test_two_keys_hold_while_one_is_replaced_and_then_only_the_new_one(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        old = listener.key_file.read_text().strip()
        for content, accepted in (
            (f"{old}\n{NEW_KEY}\n", {old, NEW_KEY}),
            (f"{NEW_KEY}\n", {NEW_KEY}),
            # Whatever is no key leaves those in force that were.
            ("not a key\n", {NEW_KEY}),
            ("", {NEW_KEY}),
            (f"{old}\n", {old}),
        ):
            write_secret(listener.key_file, content.encode())
            for key in (old, NEW_KEY):
                answer = await listener.get("/operator/v1/health", key)
                assert answer.status_code == (200 if key in accepted else 401), (content, key)


@pytest.mark.parametrize("content", [b"", b"opk-short\n", b"\xff\xfe", b"\n".join([NEW_KEY.encode()] * 5)])
def test_a_file_with_anything_else_is_refused_at_the_start_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "operator-key"
    file.write_bytes(content)
    with pytest.raises(OperatorKeyFileError) as raised:
        OperatorKeys(file)
    assert str(file) in str(raised.value)
    assert "short" not in str(raised.value) and NEW_KEY not in str(raised.value)


async def test_an_unknown_url_is_404_in_the_envelope(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        answer = await listener.get("/operator/v1/unknown")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")
        assert answer.headers["domicile-region"] == "eu"
        assert answer.headers["x-request-id"].startswith("req_")
        assert "access-control-allow-origin" not in answer.headers


async def test_health_of_a_region_that_has_just_begun(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        found = (await listener.get("/operator/v1/health")).json()
        assert found["object"] == "region.health"
        assert (found["region"], found["replica"], found["ready"], found["snapshot"]) == ("eu", REPLICA, False, None)
        assert found["outbox"] == {"depth": 0, "refused": 0, "oldest_unsent_age_seconds": None}
        assert found["metering"] == {"backlog": 0}
        assert found["clock"] == {"correction_seconds": 0}
        idle = {"operator": "the tests", "healthy": False, "circuit_open": False, "running": 0, "waiting": 0}
        assert found["engines"] == [
            {"name": "one", "label": "label-one", "country": "DE", **idle},
            {"name": "two", "label": "label-two", "country": "FR", **idle},
        ]


async def test_health_of_a_region_at_work(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        table = current_snapshot(Shard("eu", 0, (), (), ())).table
        assert table is not None
        listener.base.snapshots.swap(table)
        listener.path.engines.router.report("two", healthy=True)
        listener.path.meter.record(ledger_entry("req_1"))
        assert (await listener.get("/operator/v1/health")).json()["metering"] == {"backlog": 1}
        await listener.path.meter.flush()
        listener.path.meter.event(RegionEventType.SNAPSHOT_REFUSED)
        await listener.path.meter.flush()
        listener.machine_clock.ms = NOW_MS + 90_000
        found = (await listener.get("/operator/v1/health")).json()
        assert found["ready"] is True
        assert found["snapshot"] == {"epoch": 1, "number": 1, "issued_at": NOW_MS // 1000, "age_seconds": 90}
        assert found["outbox"]["depth"] == 3, "its start, the usage, and what was refused"
        # Usage is told by the minute, so its age is that of the minute's beginning.
        assert 90 <= found["outbox"]["oldest_unsent_age_seconds"] <= 150
        assert [engine["healthy"] for engine in found["engines"]] == [False, True]


async def test_a_region_without_its_databases_still_shows_what_it_knows(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        async with listener.without_databases():
            health, metrics = await listener.get("/operator/v1/health"), await listener.get("/metrics")
            assert (health.status_code, metrics.status_code) == (200, 200)
            assert health.json()["outbox"] is None
            assert [engine["name"] for engine in health.json()["engines"]] == ["one", "two"]
            assert "domicile_metering_database_up 0.0" in metrics.text
            assert "domicile_outbox_reports NaN" in metrics.text
        assert (await listener.get("/operator/v1/health")).json()["outbox"]["depth"] == 0
        assert "domicile_metering_database_up 1.0" in (await listener.get("/metrics")).text


async def test_blocks_without_their_database_are_503_and_a_new_one_holds_all_the_same(tmp_path: Path) -> None:
    subject = "key_" + "B" * 24
    async with operator_listener(tmp_path) as listener:
        async with listener.without_databases():
            for method, path, body in (
                ("GET", "/operator/v1/blocks", None),
                ("POST", "/operator/v1/blocks", {"id": subject}),
                ("DELETE", f"/operator/v1/blocks/{'key_' + 'C' * 24}", None),
            ):
                answer = await listener.ask(method, path, body)
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable"), method
                assert answer.headers["retry-after"] == "2"
            assert listener.path.blocks.cover(subject, "proj_" + "P" * 24)
        assert (await listener.ask("POST", "/operator/v1/blocks", {"id": subject})).status_code == 200
        assert [each["id"] for each in (await listener.get("/operator/v1/blocks")).json()["data"]] == [subject]


async def test_every_route_is_on_the_page(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        endpoints = listener.operator.endpoints
        assert isinstance(endpoints, OperatorEndpoints)
        for route in operator_routes(endpoints):
            if "GET" in (route.methods or ()):
                assert (await listener.get(route.path)).status_code == 200
