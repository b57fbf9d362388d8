"""The operator's sums of a day, over all organizations: to compare with ledgers, and to export."""

import datetime

import pytest

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, code_of
from tests.component.control_plane.usage.consumer import DAY, consumer

TODAY = datetime.datetime.fromtimestamp(DAY, datetime.UTC).date()


@SHARED_LOOP
async def test_usage_of_a_day_by_region_project_and_model(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["eu"])
    await who.report(who.delta(DAY), who.delta(DAY + 86_399, batch=True), who.delta(DAY + 86_400), who.delta(DAY - 1))
    found = (await shared.operate("GET", f"/usage?day={TODAY}&region=eu"))["data"]
    (own,) = [each for each in found if each["project_id"] == who.project_id]
    assert own == {
        "region": "eu",
        "project_id": who.project_id,
        "model": "gpt-4o-2024-08-06",
        "requests": 2,
        "input_tokens": 20,
        "input_cached_tokens": 8,
        "output_tokens": 10,
        "output_reasoning_tokens": 4,
        "characters": 0,
        "audio_milliseconds": 0,
        "images": 0,
    }
    assert {each["region"] for each in found} == {"eu"}
    elsewhere = (await shared.operate("GET", f"/usage?day={TODAY}&region=us"))["data"]
    assert who.project_id not in {each["project_id"] for each in elsewhere}


@SHARED_LOOP
async def test_costs_of_a_day_by_organization_and_line_item(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    recording = Usage(audio_milliseconds=1500)
    await who.report(
        who.delta(usage=Usage(output_tokens=3)),
        who.delta(model="whisper-1", endpoint=Endpoint.AUDIO_TRANSCRIPTIONS, usage=recording),
    )
    path = f"/costs?day={TODAY}&organization_id={who.organization_id}"
    owners = {"organization_id": who.organization_id, "project_id": who.project_id, "region": "us"}
    assert (await shared.operate("GET", path))["data"] == [
        {
            **owners,
            "model": "gpt-4o-2024-08-06",
            "line_item": "gpt-4o-2024-08-06, output",
            "quantity": 3,
            "quantity_unit": "tokens",
            "femtodollars": 30_000_000_000,
        },
        {
            **owners,
            "model": "whisper-1",
            "line_item": "whisper-1, audio",
            "quantity": 1500,
            "quantity_unit": "milliseconds",
            "femtodollars": 150_000_000_000,
        },
    ]
    everybody = (await shared.operate("GET", f"/costs?day={TODAY}"))["data"]
    assert who.organization_id in {each["organization_id"] for each in everybody}


@SHARED_LOOP
@pytest.mark.parametrize("path", ["usage", "costs"])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?day=2026-02-30", "invalid_value"),
        ("?day=20260101", "invalid_value"),
        ("?day=1969-12-31", "invalid_value"),
        ("?day=2026-01-01&project=x", "unknown_parameter"),
    ],
)
async def test_other_queries_are_refused(shared: Platform, path: str, query: str, code: str) -> None:
    status, answer = await shared.ask("GET", f"/operator/v1/{path}{query}", key=shared.operator_key)
    assert (status, code_of(answer)) == (400, code)
