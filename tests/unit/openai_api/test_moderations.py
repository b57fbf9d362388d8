"""Moderation requests beyond their types, and the answer in the snapshot's shape (contract C23)."""

import json
from typing import Any

import msgspec
import pytest

from domicile.kernel.errors import DomicileError
from domicile.openai_api.moderations import (
    CATEGORIES,
    LATER_CATEGORIES,
    ModerationRequest,
    check_moderation_request,
    decode_moderation,
    encode_for_engine,
    encode_moderation,
)

TEXT = {"type": "text", "text": "b"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:x"}}


def request(given: Any, **members: Any) -> ModerationRequest:
    return msgspec.convert({"input": given, **members}, ModerationRequest)


def result(*fitting: str, **changes: Any) -> dict[str, Any]:
    names = (*CATEGORIES, "engine's own")
    members: dict[str, Any] = {
        "flagged": bool(fitting),
        "categories": {name: name in fitting for name in names},
        "category_scores": {name: 0.9 if name in fitting else 0.1 for name in names},
        "category_applied_input_types": {name: ["text"] for name in names},
        "private": 1,
    }
    return members | changes


def shown(asked: ModerationRequest, model: str, *results: Any) -> Any:
    raw = json.dumps({"id": "modr-1", "model": "engine's", "results": results, "private": 1}).encode()
    return json.loads(encode_moderation(decode_moderation(raw), asked, model=model))


@pytest.mark.contract("C23")
@pytest.mark.parametrize(
    ("given", "results", "texts", "images"),
    [
        ("a", 1, ["a"], []),
        (["a", "", "c"], 3, ["a", "", "c"], []),
        ([TEXT, IMAGE, TEXT], 1, ["b", "b"], [("input[1].image_url", "data:x")]),
    ],
)
def test_each_kind_of_input_is_taken(given: Any, results: int, texts: list[str], images: list[Any]) -> None:
    asked = request(given)
    check_moderation_request(asked)
    assert (asked.results, list(asked.texts()), list(asked.images())) == (results, texts, images)


@pytest.mark.parametrize("given", [["a", TEXT], [IMAGE, "a"]])
def test_texts_and_parts_do_not_mix(given: Any) -> None:
    with pytest.raises(DomicileError) as caught:
        check_moderation_request(request(given))
    assert (caught.value.code, caught.value.param) == ("invalid_type", "input[1]")


def test_so_many_inputs_and_no_more() -> None:
    check_moderation_request(request(["a"] * 2048))
    with pytest.raises(DomicileError) as caught:
        check_moderation_request(request(["a"] * 2049))
    assert (caught.value.code, caught.value.param) == ("invalid_value", "input")


def test_the_engine_is_told_its_own_name_even_where_it_is_the_default() -> None:
    asked = request([TEXT, IMAGE])
    assert asked.model == "omni-moderation-latest"
    for name in ("engine's", "omni-moderation-latest"):
        assert json.loads(encode_for_engine(asked, model=name)) == {"model": name, "input": [TEXT, IMAGE]}


@pytest.mark.contract("C23")
def test_omni_has_all_categories_and_the_specification_s_members_only() -> None:
    answer = shown(request("a"), "omni-moderation-latest", result("illicit"))
    assert set(answer) == {"id", "model", "results"}
    assert answer["model"] == "omni-moderation-latest"
    [found] = answer["results"]
    members = {"flagged", "categories", "category_scores", "category_applied_input_types"}
    assert set(found) == members
    assert all(set(found[name]) == set(CATEGORIES) for name in members - {"flagged"})
    assert found["flagged"]


@pytest.mark.contract("C23")
def test_the_text_snapshot_knows_eleven_and_is_flagged_by_those() -> None:
    answer = shown(request(["a", "b"]), "text-moderation-007", result("illicit"), result("hate"))
    assert [found["flagged"] for found in answer["results"]] == [False, True]
    for found in answer["results"]:
        assert {name for name, fits in found["categories"].items() if fits is None} == set(LATER_CATEGORIES)
        assert [found["category_scores"][name] for name in LATER_CATEGORIES] == [0, 0]
        applied = {name for name, kinds in found["category_applied_input_types"].items() if kinds == ["text"]}
        assert applied == set(CATEGORIES) - set(LATER_CATEGORIES)


@pytest.mark.parametrize(
    "results",
    [
        [],
        [result()] * 2,
        [result(categories={"hate": True})],
        [result(category_scores={})],
        [result(category_applied_input_types={})],
        [result(category_scores=dict.fromkeys(CATEGORIES, 1.5))],
        [{"flagged": False}],
    ],
    ids=range(7),
)
def test_results_that_are_not_those_of_the_inputs_are_no_answer(results: list[Any]) -> None:
    with pytest.raises(ValueError):
        shown(request("a"), "omni-moderation-latest", *results)
