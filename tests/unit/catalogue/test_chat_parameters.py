"""The classes of the chat parameters: each parameter of the specification and of our type has one, and no other has."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.endpoints import Endpoint
from domicile.catalogue.parameters import ParameterClass, endpoint_parameters
from domicile.catalogue.tables import CatalogueError, ParametersFile
from domicile.openai_api.chat import PLATFORM_PARAMETERS, ChatCompletionRequest

CATALOGUE = load_catalogue()
RULES = CATALOGUE.parameters[Endpoint.CHAT_COMPLETIONS]
SPECIFICATION = json.loads((Path(__file__).parents[1] / "openai_api" / "specification.json").read_text("utf-8"))


def test_every_parameter_has_a_class_and_the_reverse() -> None:
    assert set(RULES.parameters) == set(ChatCompletionRequest.__struct_fields__)
    assert set(RULES.parameters) == set(SPECIFICATION["schemas"]["CreateChatCompletionRequest"]["members"])


def test_what_no_engine_is_told_is_what_the_encoder_drops() -> None:
    platform = {name for name, rule in RULES.parameters.items() if rule.kind is ParameterClass.PLATFORM}
    assert platform == set(PLATFORM_PARAMETERS)
    assert platform == {
        "store",
        "metadata",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "service_tier",
    }


@pytest.mark.contract("C05")
def test_exits_by_another_name_are_refused() -> None:
    refused = {name for name, rule in RULES.parameters.items() if rule.kind is ParameterClass.REFUSE}
    assert refused == {"audio", "moderation", "web_search_options"}
    assert RULES.members["messages[].content[].file"].kind is ParameterClass.REFUSE
    assert RULES.members["messages[].audio"].kind is ParameterClass.REFUSE
    assert RULES.members["messages[].content[].image_url.url"].kind is ParameterClass.INLINE


def test_a_refusal_says_what_to_do() -> None:
    rules = [*RULES.parameters.values(), *RULES.members.values()]
    refusals = [
        rule for rule in rules if rule.kind in {ParameterClass.REFUSE, ParameterClass.INLINE} or rule.refused_values
    ]
    assert len(refusals) == 11
    for rule in refusals:
        assert rule.code in {"unsupported_parameter", "url_not_allowed"}
        assert rule.reason.endswith(".")


def test_looking_a_class_up() -> None:
    rule = CATALOGUE.parameter_class(Endpoint.CHAT_COMPLETIONS, "temperature")
    assert rule is not None
    assert rule.kind is ParameterClass.PASS
    assert CATALOGUE.parameter_class(Endpoint.CHAT_COMPLETIONS, "top_k") is None
    assert CATALOGUE.parameter_class(Endpoint.BATCHES, "model") is None


FILE: dict[str, Any] = {
    "endpoint": "/v1/chat/completions",
    "pass": ["model", "n"],
    "platform": ["user"],
    "refuse": {"audio": {"code": "unsupported_parameter", "reason": "No."}},
    "refused_values": {"n": {"values": ["2"], "code": "unsupported_parameter", "reason": "No."}},
    "members": {"messages[].audio": {"class": "refuse", "code": "unsupported_parameter", "reason": "No."}},
}


def test_a_good_file() -> None:
    rules = endpoint_parameters(msgspec.convert(FILE, ParametersFile))
    assert {name: rule.kind.value for name, rule in rules.parameters.items()} == {
        "model": "pass",
        "n": "pass",
        "user": "platform",
        "audio": "refuse",
    }
    assert rules.parameters["n"].refused_values == {"2"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"platform": ["user", "model"]}, "two classes"),
        ({"pass": ["model", "n", "audio"]}, "two classes"),
        ({"refused_values": {"audio": FILE["refused_values"]["n"]}}, "not an accepted parameter"),
        ({"refused_values": {"x": FILE["refused_values"]["n"]}}, "not an accepted parameter"),
        ({"members": {"messages[].audio": {"class": "refuse"}}}, "without code or reason"),
        ({"defaults": {"x": 1}}, "'x' is not a parameter"),
        ({"defaults": {"n": 1}, "sent_defaults": {"n": 1}}, "'n' .* has two defaults"),
        ({"only_with": {"n": "x"}}, "'x' is not a parameter"),
        ({"ignorable": {"x": "reasoning"}}, "'x' is not a parameter"),
        ({"features": {"reasoning": {"refuse": ["x"]}}}, "'x' is not a parameter"),
        ({"features": {"reasoning": {"instead": {"n": "x"}}}}, "'x' is not a parameter"),
        ({"members": {"x": {"class": "inline", "code": "url_not_allowed"}}}, "without code or reason"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(CatalogueError, match=said):
        endpoint_parameters(msgspec.convert(FILE | change, ParametersFile))
