"""The probe tells the router who is there, for as long as the process lives."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.engines.probe import EngineProbe, Watch
from domicile.data_plane.engines.upstream import ProbeResult, Upstream
from domicile.data_plane.engines.vendors.choice import vendor_of
from domicile.data_plane.routing import Router
from domicile.kernel.geography import country_set
from tests.component.data_plane.region_under_test import stub_engine
from tests.platform.processes import eventually
from tests.unit.data_plane.region_parts import engine_settings, until


async def test_a_dead_engine_is_found_dead_and_a_restarted_one_alive(tmp_path: Path) -> None:
    with stub_engine(tmp_path, "one") as stub:
        settings = engine_settings("one", socket=stub.socket)
        upstream = Upstream(settings, EgressPolicy(country_set(["DE"])), vendor_of(settings))
        router = Router([settings])
        probing = asyncio.create_task(EngineProbe([upstream], router).run())
        try:
            await until(lambda: router.any_healthy, what="alive")
            stub.process.kill()
            await until(lambda: not router.any_healthy, what="dead")
            stub.socket.unlink()
            stub.process.start()
            eventually(lambda: stub.get("/health"))
            await until(lambda: router.any_healthy, what="alive again")
            assert not probing.done()
        finally:
            probing.cancel()
            with suppress(asyncio.CancelledError):
                await probing
            await upstream.close()


ALIVE, DEAD, SILENT = ProbeResult.ALIVE, ProbeResult.DEAD, ProbeResult.SILENT


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([(ALIVE, 0), (DEAD, 0)], [True, False]),
        ([(ALIVE, 0), (DEAD, 1), (ALIVE, 2), (DEAD, 3)], [True, None, True, None]),
        ([(DEAD, 1), (DEAD, 2), (DEAD, 3)], [None, None, False]),
        ([(DEAD, 1), (DEAD, 1)], [None, False]),
        ([(SILENT, 0), (SILENT, 0), (SILENT, 0)], [None, None, False]),
        ([(SILENT, 0), (SILENT, 0), (SILENT, 1), (SILENT, 1), (SILENT, 1)], [None, None, None, None, None]),
    ],
)
def test_failed_probes_weigh_less_while_requests_are_answered(
    seen: Sequence[tuple[ProbeResult, int]], expected: Sequence[bool | None]
) -> None:
    watch = Watch()
    assert [watch.healthy(pulse, answers) for pulse, answers in seen] == expected
