"""What a caller may name here, and whether this process can serve (design 6)."""

from pathlib import Path

from openai import NotFoundError
from pytest import raises

from tests.component.data_plane.region_under_test import MODEL, RegionUnderTest, region_under_test
from tests.unit.data_plane.region_parts import engine_settings


async def test_models_are_those_that_are_eligible_and_bound(tmp_path: Path) -> None:
    engines = [
        engine_settings("one", socket=tmp_path / "1", models={MODEL: "x"}),
        engine_settings("two", socket=tmp_path / "2", models={MODEL: "x", "gpt-4-0613": "x"}),
    ]
    async with region_under_test(tmp_path, engines) as region, region.official_client() as client:
        listed = (await region.http.get("/v1/models")).json()
        assert listed["object"] == "list"
        names = [MODEL, "gpt-4o", "gpt-4-0613", "gpt-4"]
        assert [model["id"] for model in listed["data"]] == names
        assert listed["data"][0]["domicile"] == {"engines": ["label-one", "label-two"]}
        assert [model.id async for model in client.models.list()] == names
        for shown in listed["data"]:
            # By each name that is listed, under that name.
            assert (await region.http.get(f"/v1/models/{shown['id']}")).json() == shown
            assert (await client.models.retrieve(shown["id"])).id == shown["id"]
        for name in ("made-up", "whisper-1", "gpt-9", "a/b", MODEL + "/"):
            with raises(NotFoundError) as caught:
                await client.models.retrieve(name)
            assert caught.value.code == "model_not_found"


async def statuses(region: RegionUnderTest) -> tuple[int, int]:
    return tuple([(await region.http.get(path)).status_code for path in ("/healthz", "/readyz")])  # type: ignore[return-value]


async def test_it_is_ready_with_a_snapshot_and_an_engine(tmp_path: Path) -> None:
    engines = [engine_settings("one", socket=tmp_path / "1")]
    async with region_under_test(tmp_path, engines) as region:
        assert await statuses(region) == (200, 200)
        region.router.report("one", healthy=False)
        assert await statuses(region) == (200, 503)
    async with region_under_test(tmp_path, engines, with_snapshot=False) as region:
        assert await statuses(region) == (200, 503)
        answer = await region.http.get("/v1/models")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
