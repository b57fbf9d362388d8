"""Reservation -> Placement (design 4.5)."""

from dataclasses import replace
from typing import Any

import pytest

from domicile.boundary.retention import Retention
from domicile.boundary.usage import ServiceTier
from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.policy.admit import Admission
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.routing import Router
from domicile.kernel.errors import Category, DomicileError
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_messages import UserMessage
from domicile.openai_api.chat_tools import (
    FunctionDefinition,
    FunctionTool,
    JsonObjectResponse,
    JsonSchema,
    JsonSchemaResponse,
)
from domicile.settings.engines import EngineSettings
from tests.unit.data_plane.policy.examples import EU
from tests.unit.data_plane.region_parts import (
    KEY_ID,
    engine_settings,
    occupied,
    organization_record,
    project_record,
)

MODEL = "gpt-4o-2024-08-06"
SCHEMA = JsonSchemaResponse(json_schema=JsonSchema(name="answer", schema={"type": "object"}))
STRICT_TOOL = FunctionTool(function=FunctionDefinition(name="look", strict=True))


def reservation(
    model: str = MODEL,
    needs: frozenset[str] = frozenset({"text"}),
    features: frozenset[str] = frozenset(),
    **parameters: object,
) -> Reservation:
    request = ChatCompletionRequest(model=model, messages=[UserMessage(content="hi")], **parameters)  # type: ignore[arg-type]
    entry = ModelEntry(model, 1, "system", frozenset({"text"}), features, ())
    caller = Caller(organization_record(), project_record(), KEY_ID, "eu")
    admission = Admission(
        caller,
        Endpoint.CHAT_COMPLETIONS,
        entry,
        "alias",
        request,
        Retention.ZERO_DATA_RETENTION,
        needs,
        wishes=EU.rules[Endpoint.CHAT_COMPLETIONS].wishes.wishes(request, features),
    )
    return Reservation(admission, ServiceTier.DEFAULT)


def router(*engines: EngineSettings, dead: frozenset[str] = frozenset()) -> Router:
    made = Router(engines)
    for engine in engines:
        if engine.name not in dead:
            made.report(engine.name, healthy=True)
    return made


def refusal(made: Router, asked: Reservation, tried: frozenset[str] = frozenset()) -> DomicileError:
    with pytest.raises(DomicileError) as caught:
        made.route(asked, tried=tried)
    return caught.value


def test_a_placement_says_where() -> None:
    placement = router(engine_settings("one")).route(asked := reservation())
    assert placement.reservation is asked
    assert (placement.engine, placement.engine_model, placement.label) == ("one", "one-model", "label-one")
    assert (placement.country, placement.operator) == ("DE", "the tests")


def test_a_model_that_no_engine_is_bound_to_does_not_exist_here() -> None:
    error = refusal(router(engine_settings()), reservation("gpt-4-0613"))
    assert (error.category, error.code) == (Category.NOT_FOUND, "model_not_found")
    assert "'alias'" in error.message
    assert refusal(router(), reservation()).code == "model_not_found"


def test_an_engine_counts_as_dead_until_it_was_seen() -> None:
    made = Router([engine_settings("one")])
    assert refusal(made, reservation()).code == "engine_unavailable"
    assert not made.any_healthy
    assert made.report("one", healthy=True)
    assert not made.report("one", healthy=True)
    assert made.route(reservation()).engine == "one"
    assert made.any_healthy
    assert made.report("one", healthy=False)
    assert not made.any_healthy
    assert refusal(made, reservation()).code == "engine_unavailable"


def test_engines_take_turns_and_the_dead_are_passed_over() -> None:
    made = router(engine_settings("one"), engine_settings("two"), engine_settings("three"))
    assert [made.route(reservation()).engine for _ in range(6)] == ["one", "two", "three"] * 2
    made.report("two", healthy=False)
    assert [made.route(reservation()).engine for _ in range(4)] == ["one", "three"] * 2
    made.report("two", healthy=True)
    assert made.route(reservation()).engine == "two"


def test_a_request_is_never_given_to_the_same_engine_twice_nor_to_a_third() -> None:
    made = router(engine_settings("one"), engine_settings("two"), engine_settings("three"))
    tried: frozenset[str] = frozenset()
    for expected in ("one", "two"):
        placement = made.route(reservation(), tried=tried)
        assert placement.engine == expected
        tried |= {placement.engine}
    error = refusal(made, reservation(), tried)
    assert (error.category, error.code, error.retry_after_s) == (Category.UNAVAILABLE, "engine_unavailable", 1)


class TestLoad:
    async def test_the_engine_with_the_least_to_do_is_chosen(self) -> None:
        made = router(
            engine_settings("one"), engine_settings("two", max_concurrency=1, max_queue=4), engine_settings("three")
        )
        await occupied(made.condition("one").turns, 2)
        await occupied(made.condition("two").turns, 1)
        await occupied(made.condition("three").turns, 3)
        assert [made.route(reservation()).engine for _ in range(2)] == ["two", "two"]
        await occupied(made.condition("two").turns, 1)
        assert (made.condition("two").turns.running, made.condition("two").turns.waiting) == (1, 1)
        assert [made.route(reservation()).engine for _ in range(3)] == ["one", "two", "one"]

    async def test_what_runs_and_waits_is_bounded_and_what_comes_then_is_told_when_to_come_again(self) -> None:
        made = router(
            engine_settings("one", max_concurrency=1, max_queue=1),
            engine_settings("two", max_concurrency=1, max_queue=0),
        )
        await occupied(made.condition("two").turns, 1)
        await occupied(made.condition("one").turns, 1)
        assert made.route(reservation()).engine == "one"
        await occupied(made.condition("one").turns, 1)
        error = refusal(made, reservation())
        assert (error.category, error.code, error.retry_after_s) == (Category.UNAVAILABLE, "engine_unavailable", 1)
        assert "is busy" in error.message

    async def test_a_project_that_fills_its_half_of_the_queue_leaves_the_other_half(self) -> None:
        made = router(engine_settings("one", max_concurrency=1, max_queue=4))
        turns, mine = made.condition("one").turns, project_record().project_id
        await occupied(turns, 3, project=mine)
        assert refusal(made, reservation()).retry_after_s == 1
        assert turns.has_room("proj_other")


class TestCircuit:
    def test_an_engine_that_fails_is_left_alone_and_tried_again_with_one_request(self) -> None:
        now = 100.0
        made = Router([engine_settings("one"), engine_settings("two")], lambda: now)
        for name in ("one", "two"):
            made.report(name, healthy=True)
        one = made.condition("one")
        for _ in range(3):
            one.breaker.failed()
        assert {made.route(reservation()).engine for _ in range(3)} == {"two"}
        made.report("one", healthy=True)
        assert made.route(reservation()).engine == "two", "that its health URL answers says nothing of its work"
        made.report("one", healthy=False)
        made.report("one", healthy=True)
        assert made.route(reservation()).engine == "one", "it was away, and may have been put right"
        one.breaker.began()
        assert {made.route(reservation()).engine for _ in range(3)} == {"two"}

    def test_one_that_nobody_reaches_is_dead_until_a_probe_says_otherwise(self) -> None:
        made = router(engine_settings("one"))
        made.condition("one").unreached()
        assert refusal(made, reservation()).code == "engine_unavailable"
        assert made.report("one", healthy=True)
        assert made.route(reservation()).engine == "one"

    def test_one_that_is_never_probed_is_trusted_until_nobody_reaches_it(self) -> None:
        now = 100.0
        made = Router([engine_settings("one")], lambda: now)
        made.trust("one")
        assert made.route(reservation()).engine == "one"
        made.condition("one").unreached()
        assert refusal(made, reservation()).code == "engine_unavailable"
        now += 1.0
        assert made.route(reservation()).engine == "one"


def test_an_engine_is_asked_only_at_the_endpoints_that_it_serves() -> None:
    other = engine_settings("other", endpoints=["/v1/completions"])
    assert router(other, engine_settings("one")).route(reservation()).engine == "one"
    assert refusal(router(other), reservation()).code == "model_not_found"


def test_only_engines_bound_to_the_snapshot_are_asked() -> None:
    other = engine_settings("other", models={"gpt-4-0613": "x"})
    made = router(other, engine_settings("one"))
    assert {made.route(reservation()).engine for _ in range(3)} == {"one"}
    made.report("one", healthy=False)
    assert refusal(made, reservation()).code == "engine_unavailable"


class TestModalities:
    IMAGE = frozenset({"text", "image"})

    def test_an_engine_that_can_is_chosen(self) -> None:
        made = router(engine_settings("text"), engine_settings("sees", modalities={"text", "image"}))
        assert {made.route(reservation(needs=self.IMAGE)).engine for _ in range(3)} == {"sees"}

    def test_when_none_can_the_missing_one_is_named(self) -> None:
        made = router(engine_settings("one"), engine_settings("two", modalities={"text", "audio"}))
        error = refusal(made, reservation(needs=self.IMAGE))
        assert (error.category, error.code, error.param) == (Category.INVALID, "modality_not_supported", "messages")
        assert "for this model: image. " in error.message

    def test_when_each_can_one_of_two_both_are_named(self) -> None:
        made = router(
            engine_settings("one", modalities={"text", "image"}), engine_settings("two", modalities={"text", "audio"})
        )
        error = refusal(made, reservation(needs=frozenset({"text", "image", "audio"})))
        assert "for this model: audio, image, text. " in error.message

    def test_a_dead_engine_that_could_is_no_reason_to_refuse_for_ever(self) -> None:
        made = router(
            engine_settings("text"),
            engine_settings("sees", modalities={"text", "image"}),
            dead=frozenset({"sees"}),
        )
        assert refusal(made, reservation(needs=self.IMAGE)).code == "engine_unavailable"


class TestParameters:
    LIMITED = engine_settings("limited", unsupported_parameters={"seed", "logprobs"})

    def test_an_engine_that_can_is_chosen(self) -> None:
        made = router(self.LIMITED, engine_settings("one"))
        assert {made.route(reservation(seed=1)).engine for _ in range(3)} == {"one"}
        assert {made.route(reservation(temperature=1.0)).engine for _ in range(4)} == {"one", "limited"}

    def test_when_none_can_the_parameter_is_named(self) -> None:
        error = refusal(router(self.LIMITED), reservation(seed=1, temperature=1.0))
        assert (error.code, error.param) == ("unsupported_parameter", "seed")
        assert "label-limited" in error.message

    def test_null_asks_for_nothing(self) -> None:
        assert router(self.LIMITED).route(reservation(seed=None)).engine == "limited"

    def test_a_dead_engine_that_could_is_no_reason_to_refuse_for_ever(self) -> None:
        made = router(self.LIMITED, engine_settings("one"), dead=frozenset({"one"}))
        assert refusal(made, reservation(seed=1)).code == "engine_unavailable"

    @pytest.mark.contract("C28")
    @pytest.mark.parametrize(
        ("asked", "param"),
        [
            ({"response_format": SCHEMA}, "response_format"),
            ({"tools": [STRICT_TOOL]}, "tools"),
        ],
    )
    def test_an_engine_that_holds_no_schema_is_passed_over_or_says_so(self, asked: dict[str, Any], param: str) -> None:
        loose = engine_settings("loose", json_schema=False)
        assert {router(loose, engine_settings("one")).route(reservation(**asked)).engine for _ in range(3)} == {"one"}
        error = refusal(router(loose), reservation(**asked))
        assert (error.category, error.code, error.param) == (Category.INVALID, "unsupported_parameter", param)
        assert router(loose).route(reservation(response_format=JsonObjectResponse(), tools=[])).engine == "loose"

    @pytest.mark.parametrize(
        ("lacks", "asked", "param"),
        [("tools", {"tools": [STRICT_TOOL]}, "tools"), ("logprobs", {"top_logprobs": 1}, "top_logprobs")],
    )
    def test_a_capability_is_a_name_for_its_parameters(self, lacks: str, asked: dict[str, Any], param: str) -> None:
        without = engine_settings("without", **{lacks: False})
        error = refusal(router(without), reservation(**asked))
        assert (error.code, error.param) == ("unsupported_parameter", param)
        assert router(without).route(reservation(seed=1)).engine == "without"

    @pytest.mark.parametrize(
        "asked",
        [
            {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True},
            {"logprobs": False, "top_logprobs": 0},
            {"temperature": 1.0, "n": 1, "logit_bias": {}},
        ],
    )
    def test_an_engine_is_not_passed_over_for_a_default(self, asked: dict[str, Any]) -> None:
        without = engine_settings(
            "without", tools=False, logprobs=False, unsupported_parameters={"temperature", "n", "logit_bias"}
        )
        placement = router(without).route(reservation(**asked))
        assert placement.left_out == set(asked)
        assert not placement.ignored

    def test_what_an_engine_lacks_for_a_model_that_it_stands_in_for_is_left_out_and_told(self) -> None:
        reasons = frozenset({"reasoning"})
        cannot, can = engine_settings("cannot", unsupported_parameters={"reasoning_effort"}), engine_settings("can")
        asked = reservation(reasoning_effort="low", features=reasons)
        placement = router(cannot).route(asked)
        assert placement.left_out == placement.ignored == {"reasoning_effort"}
        placement = router(can).route(asked)
        assert not placement.left_out | placement.ignored
        assert refusal(router(cannot), reservation(reasoning_effort="low")).param == "reasoning_effort"

    def test_modality_is_said_before_parameters(self) -> None:
        error = refusal(router(self.LIMITED), reservation(seed=1, needs=frozenset({"text", "image"})))
        assert error.code == "modality_not_supported"


@pytest.mark.parametrize(
    ("endpoint", "first_image", "param"),
    [
        (Endpoint.CHAT_COMPLETIONS, "messages[0].content[1].image_url", "messages[0].content[1].image_url"),
        (Endpoint.CHAT_COMPLETIONS, None, "messages"),
        (Endpoint.MODERATIONS, "input[2].image_url", "input[2].image_url"),
        (Endpoint.AUDIO_TRANSCRIPTIONS, None, "file"),
        (Endpoint.EMBEDDINGS, None, "input"),
    ],
)
def test_the_member_that_no_engine_can_read_is_named(endpoint: Endpoint, first_image: str | None, param: str) -> None:
    asked = reservation(needs=frozenset({"image"}) if first_image else frozenset({"audio"}))
    admission = replace(asked.admission, endpoint=endpoint, first_image=first_image)
    assert refusal(router(engine_settings("one")), replace(asked, admission=admission)).param == param


def test_labels_name_every_engine_that_may_answer_dead_or_alive() -> None:
    made = router(engine_settings("two"), engine_settings("one"), dead=frozenset({"one"}))
    assert made.labels(MODEL) == ("label-one", "label-two")
    assert made.labels("gpt-4-0613") == ()
