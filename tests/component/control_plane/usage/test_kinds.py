"""Every kind of usage that OpenAI's API has a path for: its own requests, its own quantities, its own groups and filters."""

from typing import Any

import pytest

from domicile.boundary.usage import ImageSize, Usage
from domicile.catalogue.endpoints import Endpoint
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform
from tests.component.control_plane.usage.consumer import DAY, Consumer, consumer, sums

NOTHING: dict[str, Any] = {"project_id": None, "user_id": None, "api_key_id": None, "model": None}


async def heavy_user(platform: Platform) -> Consumer:
    """Some of everything, in one minute."""
    who = await consumer(platform, platform.regions["eu"])
    image: dict[str, Any] = {"model": "dall-e-3", "endpoint": Endpoint.IMAGES_GENERATIONS}
    answer = await who.report(
        who.delta(),
        who.delta(model="text-embedding-3-small", endpoint=Endpoint.EMBEDDINGS, usage=Usage(20), requests=2),
        who.delta(model="omni-moderation-latest", endpoint=Endpoint.MODERATIONS, usage=Usage(30)),
        who.delta(model="tts-1", endpoint=Endpoint.AUDIO_SPEECH, usage=Usage(characters=45)),
        who.delta(model="whisper-1", endpoint=Endpoint.AUDIO_TRANSCRIPTIONS, usage=Usage(audio_milliseconds=1200)),
        who.delta(model="whisper-1", endpoint=Endpoint.AUDIO_TRANSLATIONS, usage=Usage(audio_milliseconds=1300)),
        who.delta(**image, usage=Usage(images=2), image_size=ImageSize.SQUARE_1024),
        who.delta(**image, usage=Usage(images=1), image_size=ImageSize.LANDSCAPE_1792),
        who.delta(**image, usage=Usage(images=4)),
    )
    assert answer.status == 200
    return who


@SHARED_LOOP
async def test_each_kind_sums_its_own_requests_in_its_own_quantities(shared: Platform) -> None:
    who = await heavy_user(shared)
    expectations: dict[str, dict[str, Any]] = {
        "embeddings": {"input_tokens": 20, "num_model_requests": 2},
        "moderations": {"input_tokens": 30, "num_model_requests": 1},
        "audio_speeches": {"characters": 45, "num_model_requests": 1},
        # 1.2 s and 1.3 s: the sum is rounded up, and not each of the two.
        "audio_transcriptions": {"seconds": 3, "num_model_requests": 2},
        "images": {"images": 7, "num_model_requests": 3, "size": None, "source": None},
    }
    for kind, expected in expectations.items():
        assert await sums(shared, who, kind=kind) == [
            {"object": f"organization.usage.{kind}.result", **expected, **NOTHING}
        ]
    (completions,) = await sums(shared, who)
    assert completions["num_model_requests"] == 1


@SHARED_LOOP
async def test_the_official_client_reads_every_kind(shared: Platform) -> None:
    who = await heavy_user(shared)
    usage = shared.sdk(who.admin_key).admin.organization.usage
    asked: dict[str, Any] = {"start_time": DAY, "end_time": DAY + 86400, "group_by": ["project_id", "model"]}
    for ask, model, quantity, count in (
        (usage.embeddings, "text-embedding-3-small", "input_tokens", 20),
        (usage.moderations, "omni-moderation-latest", "input_tokens", 30),
        (usage.audio_speeches, "tts-1", "characters", 45),
        (usage.audio_transcriptions, "whisper-1", "seconds", 3),
        (usage.images, "dall-e-3", "images", 7),
    ):
        page: Any = await ask(**asked)
        (result,) = page.data[0].results
        assert (result.project_id, result.model, getattr(result, quantity)) == (who.project_id, model, count)


@SHARED_LOOP
async def test_images_by_size_and_source(shared: Platform) -> None:
    who = await heavy_user(shared)
    for query, expected in {
        "&group_by=size": [(None, 4), ("1024x1024", 2), ("1792x1024", 1)],
        "&sizes=1024x1024": [(None, 2)],
        "&sizes[]=1024x1024&sizes[]=1792x1024&group_by=size": [("1024x1024", 2), ("1792x1024", 1)],
        "&sizes=1792x1792": [],
        "&sources=image.generation": [(None, 7)],
        "&sources[]=image.edit&sources[]=image.variation": [],
    }.items():
        found = await sums(shared, who, query, kind="images")
        assert [(each["size"], each["images"]) for each in found] == expected, query
    (result,) = await sums(shared, who, "&group_by=source", kind="images")
    assert (result["source"], result["images"]) == ("image.generation", 7)


@SHARED_LOOP
@pytest.mark.parametrize(
    ("kind", "query", "param"),
    [
        ("embeddings", "batch=true", "batch"),
        ("embeddings", "group_by=batch", "group_by"),
        ("moderations", "group_by=service_tier", "group_by"),
        ("audio_speeches", "sizes=1024x1024", "sizes"),
        ("completions", "sources=image.generation", "sources"),
        ("completions", "group_by=size", "group_by"),
        ("images", "batch=false", "batch"),
        ("images", "sizes=1x1", "sizes"),
        ("images", "sources=camera", "sources"),
    ],
)
async def test_what_another_kind_is_asked_is_refused(shared: Platform, kind: str, query: str, param: str) -> None:
    path = f"/v1/organization/usage/{kind}?start_time={DAY}"
    assert (await shared.ask("GET", path))[0] == 200
    status, answer = await shared.ask("GET", f"{path}&{query}")
    assert (status, answer["error"]["param"]) == (400, param)


@SHARED_LOOP
async def test_of_what_is_not_served_the_official_client_reads_empty_buckets(shared: Platform) -> None:
    who = await heavy_user(shared)
    usage = shared.sdk(who.admin_key).admin.organization.usage
    asked: dict[str, Any] = {"start_time": DAY, "end_time": DAY + 86400, "group_by": ["project_id"], "limit": 3}
    for ask, more in (
        (usage.vector_stores, {}),
        (usage.code_interpreter_sessions, {}),
        (usage.file_search_calls, {"group_by": ["vector_store_id"], "extra_query": {"vector_store_ids": ["vs_x"]}}),
        (usage.web_search_calls, {"group_by": ["context_level"], "extra_query": {"context_levels": ["low"]}}),
    ):
        page: Any = await ask(**{**asked, "bucket_width": "1h", **more})
        assert [bucket.results for bucket in page.data] == [[], [], []]
        assert (page.has_more, page.next_page) == (True, f"page_{DAY + 3 * 3600:x}")


@SHARED_LOOP
@pytest.mark.parametrize(
    ("kind", "query", "param"),
    [
        ("vector_stores", "models=gpt-4o-2024-08-06", "models"),
        ("vector_stores", "group_by=user_id", "group_by"),
        ("code_interpreter_sessions", "api_key_ids=key_x", "api_key_ids"),
        ("file_search_calls", "group_by=model", "group_by"),
        ("file_search_calls", "context_levels=low", "context_levels"),
        ("web_search_calls", "context_levels=huge", "context_levels"),
        ("web_search_calls", "vector_store_ids=vs_x", "vector_store_ids"),
    ],
)
async def test_they_have_parameters_of_their_own(shared: Platform, kind: str, query: str, param: str) -> None:
    path = f"/v1/organization/usage/{kind}?start_time={DAY}"
    assert (await shared.ask("GET", path))[0] == 200
    status, answer = await shared.ask("GET", f"{path}&{query}")
    assert (status, answer["error"]["param"]) == (400, param)
