"""Moderation by the model that ships, in both regions, through the official SDK (C23)."""

from typing import Any

import pytest
from openai import BadRequestError

from tests.e2e.conftest import RunningUp
from tests.pictures import data_url, encoded
from tests.platform.installation import IssuedKey

IMAGE: Any = {"type": "image_url", "image_url": {"url": data_url(encoded("JPEG", 300, 200), "jpeg")}}
THREAT = "I will find you and break your legs."


@pytest.mark.contract("C23")
@pytest.mark.parametrize("code", ["us", "eu"])
def test_both_snapshots_answer_in_their_shape(up: RunningUp, us_key: IssuedKey, eu_key: IssuedKey, code: str) -> None:
    client = up.client(code, {"us": us_key, "eu": eu_key}[code].secret)
    old = client.moderations.create(model="text-moderation-latest", input=[THREAT, "The tram leaves at nine."])
    assert old.model == "text-moderation-007"
    assert [result.flagged for result in old.results] == [True, False]
    assert [result.categories.illicit for result in old.results] == [None, None]
    assert old.results[0].category_applied_input_types.illicit == []
    for name in ("omni-moderation-latest", "domicile-moderation"):
        new = client.moderations.create(model=name, input=THREAT)
        assert new.model == name
        assert new.results[0].categories.harassment_threatening
        assert new.results[0].category_scores.illicit < 0.5
        assert new.results[0].category_applied_input_types.violence == ["text"]


def test_what_the_engine_cannot_take_is_said_with_its_place(up: RunningUp, us_key: IssuedKey) -> None:
    moderations = up.client("us", us_key.secret).moderations
    cut = data_url(encoded("JPEG", 300, 200)[:600], "jpeg")
    refused: list[tuple[Any, str]] = [
        ([{"type": "image_url", "image_url": {"url": cut}}], "invalid_file input[0].image_url"),
        ("a" * 100_001, "invalid_value input"),
        ([IMAGE] * 11, "invalid_value input"),
    ]
    for given, expected in refused:
        with pytest.raises(BadRequestError) as caught:
            moderations.create(input=given)
        assert f"{caught.value.code} {caught.value.param}" == expected


@pytest.mark.contract("C03")
def test_an_image_in_the_us_and_without_enhanced_zdr_not_in_europe(
    up: RunningUp, us_key: IssuedKey, eu_key: IssuedKey
) -> None:
    [result] = up.client("us", us_key.secret).moderations.create(input=[IMAGE]).results
    assert result.category_applied_input_types.sexual == ["image"]
    assert result.category_applied_input_types.violence == []
    with pytest.raises(BadRequestError) as caught:
        up.client("eu", eu_key.secret).moderations.create(input=[IMAGE])
    assert (caught.value.code, caught.value.param) == ("enhanced_zdr_required", "input[0].image_url")
