"""Recordings that a decoder does not survive, as a caller sees it: one request fails, with a text that helps."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.component.data_plane.region_under_test import RegionUnderTest, StubEngine, region_under_test, stub_engine
from tests.recordings import encoded, tone
from tests.unit.data_plane.region_parts import engine_settings

HEARS = "whisper-1"
TONE = encoded(tone(2))


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubEngine]:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


async def transcribe(region: RegionUnderTest, recording: bytes) -> httpx2.Response:
    files = {"file": ("a.wav", recording)}
    return await region.http.post("/v1/audio/transcriptions", data={"model": HEARS}, files=files)


@pytest.mark.parametrize("fault", [b"crash", b"loop", b"fill beside python"])
async def test_a_recording_that_ends_its_decoder_is_not_readable(
    tmp_path: Path, stub: StubEngine, fault: bytes
) -> None:
    engines = [engine_settings("one", socket=stub.socket, models={HEARS: "its-ears"})]
    async with region_under_test(tmp_path, engines, inspector="tests.platform.faulty_inspector") as region:
        refused = await transcribe(region, fault)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_file")
        assert refused.json()["error"]["param"] == "file"
        assert "more time or memory" in refused.json()["error"]["message"]
        assert (await transcribe(region, TONE)).status_code == 200


async def test_without_an_inspector_recordings_wait_and_all_else_goes_on(tmp_path: Path, stub: StubEngine) -> None:
    engines = [
        engine_settings("one", socket=stub.socket, models={HEARS: "its-ears"}),
        engine_settings("two", socket=stub.socket, models={"gpt-4o-2024-11-20": "its-mind"}),
    ]
    async with region_under_test(tmp_path, engines, inspector="tests.platform.no_such_program") as region:
        refused = await transcribe(region, TONE)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service_unavailable")
        assert refused.headers["retry-after"]
        assert (await region.chat("hello", model="gpt-4o-2024-11-20")).status_code == 200
