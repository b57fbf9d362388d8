"""What equals the specification's default asks for nothing (decision 0021)."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domicile.catalogue.endpoints import Endpoint
from domicile.catalogue.parameters import ParameterClass
from domicile.data_plane.policy.endpoint_rules import SERVED, endpoint_rules
from domicile.data_plane.policy.wishes import Wishes, WishRules
from tests.unit.data_plane.policy.examples import CATALOGUE

SPECIFICATION = json.loads((Path(__file__).parents[2] / "openai_api" / "specification.json").read_text("utf-8"))
RULES = endpoint_rules(CATALOGUE)
SCHEMAS = {
    Endpoint.CHAT_COMPLETIONS: "CreateChatCompletionRequest",
    Endpoint.COMPLETIONS: "CreateCompletionRequest",
    Endpoint.EMBEDDINGS: "CreateEmbeddingRequest",
    Endpoint.MODERATIONS: "CreateModerationRequest",
    Endpoint.IMAGES_GENERATIONS: "CreateImageRequest",
    Endpoint.AUDIO_SPEECH: "CreateSpeechRequest",
    Endpoint.AUDIO_TRANSCRIPTIONS: "CreateTranscriptionRequest",
    Endpoint.AUDIO_TRANSLATIONS: "CreateTranslationRequest",
}
# Said by the specification in words: by a description, or since nothing else can be meant.
IN_WORDS = {
    Endpoint.CHAT_COMPLETIONS: {
        "function_call": "auto",
        "modalities": ["text"],
        "response_format": {"type": "text"},
        "tool_choice": "auto",
        "top_logprobs": 0,
    }
}
REQUIRED: dict[Endpoint, dict[str, Any]] = {
    Endpoint.CHAT_COMPLETIONS: {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    Endpoint.COMPLETIONS: {"model": "m", "prompt": "x"},
    Endpoint.EMBEDDINGS: {"model": "m", "input": "x"},
    Endpoint.MODERATIONS: {"model": "m", "input": "x"},
    Endpoint.IMAGES_GENERATIONS: {"model": "m", "prompt": "x"},
    Endpoint.AUDIO_SPEECH: {"model": "m", "input": "x", "voice": "alloy"},
    Endpoint.AUDIO_TRANSCRIPTIONS: {"model": "m", "file": b"x"},
    Endpoint.AUDIO_TRANSLATIONS: {"model": "m", "file": b"x"},
}
TOOL = {"type": "function", "function": {"name": "f"}}


def wishes(endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS, *features: str, **members: Any) -> Wishes:
    request = msgspec.convert(REQUIRED[endpoint] | members, SERVED[endpoint][0])
    return RULES[endpoint].wishes.wishes(request, frozenset(features))


@pytest.mark.parametrize("endpoint", SCHEMAS, ids=str)
def test_the_defaults_are_the_specification_s(endpoint: Endpoint) -> None:
    rules = CATALOGUE.parameters[endpoint]
    of_the_specification = {
        name: value
        for name, value in SPECIFICATION["defaults"][SCHEMAS[endpoint]].items()
        # A request names a model by the time policy sees it, and the platform's own parameters ask no engine.
        if name != "model" and rules.parameters[name].kind is not ParameterClass.PLATFORM
    }
    assert dict(rules.defaults) == of_the_specification | IN_WORDS.get(endpoint, {})


@pytest.mark.parametrize(
    ("endpoint", "name"), [(endpoint, name) for endpoint in SCHEMAS for name in CATALOGUE.parameters[endpoint].defaults]
)
def test_a_default_asks_for_nothing(endpoint: Endpoint, name: str) -> None:
    rules = CATALOGUE.parameters[endpoint]
    found = wishes(endpoint, **{name: rules.defaults[name]})
    assert found.asked == set()
    assert (name in found.at_default) is (name in rules.sent_defaults)
    assert (name in found.idle) is (name not in rules.sent_defaults)
    assert name in found.left_out(frozenset({name}))


@pytest.mark.parametrize(
    ("endpoint", "members"),
    [
        (Endpoint.CHAT_COMPLETIONS, {"logit_bias": {}}),
        (Endpoint.CHAT_COMPLETIONS, {"tools": []}),
        (Endpoint.CHAT_COMPLETIONS, {"functions": [], "function_call": "none"}),
        (Endpoint.CHAT_COMPLETIONS, {"tools": [], "tool_choice": "auto"}),
        (Endpoint.CHAT_COMPLETIONS, {"tool_choice": "none"}),
        (Endpoint.CHAT_COMPLETIONS, {"parallel_tool_calls": True}),
        (Endpoint.CHAT_COMPLETIONS, {"stop": []}),
        (Endpoint.CHAT_COMPLETIONS, {"stop": ""}),
        (Endpoint.CHAT_COMPLETIONS, {"prediction": None, "logprobs": False, "top_logprobs": 0}),
        (Endpoint.COMPLETIONS, {"suffix": "", "stop": [], "logit_bias": {}}),
        (Endpoint.AUDIO_SPEECH, {"instructions": ""}),
    ],
)
def test_what_is_empty_or_means_nothing_alone_is_sent_to_no_engine(endpoint: Endpoint, members: dict[str, Any]) -> None:
    found = wishes(endpoint, **members)
    assert found.asked | found.at_default == set()
    assert found.left_out(frozenset()) == {name for name, value in members.items() if value is not None}


@pytest.mark.parametrize(
    "members",
    [
        {"temperature": 0.5},
        {"top_p": 0},
        {"n": 2},
        {"presence_penalty": 0.1},
        {"logprobs": True},
        {"modalities": ["audio"]},
        {"tools": [TOOL], "tool_choice": "none"},
        {"tools": [TOOL], "parallel_tool_calls": False},
        {"response_format": {"type": "json_object"}},
        {"logit_bias": {"1": 2}},
        {"web_search_options": {}},
        {"stop": "x"},
        {"seed": 0},
        {"max_tokens": 1},
    ],
)
def test_everything_else_is_asked_for(members: dict[str, Any]) -> None:
    found = wishes(**members)
    assert found.asked == set(members)
    assert found.left_out(frozenset(members)) == set()


def test_a_default_beside_a_wish_stays_a_default() -> None:
    found = wishes(tools=[TOOL], tool_choice="auto", temperature=1, presence_penalty=1)
    assert found == Wishes(
        asked=frozenset({"tools", "presence_penalty"}),
        idle=frozenset({"tool_choice"}),
        at_default=frozenset({"temperature"}),
    )


def test_an_engine_may_ignore_a_parameter_for_a_model_that_it_stands_in_for() -> None:
    for feature, ignorable in (("reasoning", {"reasoning_effort"}), ("tools", set())):
        found = wishes(Endpoint.CHAT_COMPLETIONS, feature, reasoning_effort="low")
        assert found.asked == {"reasoning_effort"}
        assert found.ignorable == ignorable
        assert found.left_out(frozenset({"reasoning_effort"})) == ignorable
        assert found.left_out(frozenset({"seed"})) == set()


def test_the_platform_s_own_parameters_ask_no_engine() -> None:
    found = wishes(metadata={"a": "b"}, user="u", service_tier="default", store=True, prompt_cache_key="k")
    assert found == Wishes(frozenset())
    assert wishes(Endpoint.IMAGES_GENERATIONS, response_format="b64_json", user="u") == Wishes(frozenset())


def test_demands_of_members_are_wishes() -> None:
    strict = {"type": "function", "function": {"name": "f", "strict": True}}
    assert wishes(tools=[strict]).asked == {"tools", "tools[].function.strict"}


@pytest.mark.parametrize("change", [{"defaults": {"model": "m"}}, {"only_with": {"messages": "tools"}}])
def test_what_may_not_be_absent_has_no_default(change: dict[str, Any]) -> None:
    rules = replace(CATALOGUE.parameters[Endpoint.CHAT_COMPLETIONS], **change)
    with pytest.raises(ValueError, match="must have no default"):
        WishRules.of(SERVED[Endpoint.CHAT_COMPLETIONS][0], rules)


def test_a_default_is_a_value_of_its_parameter() -> None:
    rules = replace(CATALOGUE.parameters[Endpoint.CHAT_COMPLETIONS], defaults={"n": "one"})
    with pytest.raises(msgspec.ValidationError):
        WishRules.of(SERVED[Endpoint.CHAT_COMPLETIONS][0], rules)
