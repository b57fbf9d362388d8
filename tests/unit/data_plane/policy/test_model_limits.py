"""Models that reason refuse what OpenAI's refuse, in the same words: data of a feature, so that an operator's may have it."""

from typing import Any

import pytest

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.policy.admit import admit
from domicile.kernel.errors import Category, DomicileError
from tests.unit.data_plane.policy.examples import CATALOGUE, EU, caller, request

CHAT = Endpoint.CHAT_COMPLETIONS
REASONING = ["o1-2024-12-17", "o1-mini", "o1-preview", "o3-mini"]
FIRST = ["o1-mini", "o1-mini-2024-09-12", "o1-preview", "o1-preview-2024-09-12"]
USER = {"role": "user", "content": "Hello"}


def refused(**members: Any) -> DomicileError:
    with pytest.raises(DomicileError) as caught:
        admit(EU, caller(), CHAT, request(**members))
    assert caught.value.category is Category.INVALID
    return caught.value


@pytest.mark.parametrize("model", REASONING)
@pytest.mark.parametrize("members", [{"max_tokens": 5}, {"max_tokens": 5, "temperature": 0}])
def test_max_tokens_is_refused_with_its_replacement(model: str, members: dict[str, Any]) -> None:
    error = refused(model=model, **members)
    assert (error.code, error.param) == ("unsupported_parameter", "max_tokens")
    assert error.message == (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )


@pytest.mark.parametrize("model", REASONING)
@pytest.mark.parametrize(
    "members",
    [
        {"temperature": 0},
        {"top_p": 0.5},
        {"presence_penalty": 1},
        {"frequency_penalty": -1},
        {"logit_bias": {"1": 2}},
        {"logprobs": True},
    ],
)
def test_what_a_model_that_reasons_has_not_is_refused(model: str, members: dict[str, Any]) -> None:
    [name] = members
    error = refused(model=model, **members)
    assert (error.code, error.param) == ("unsupported_parameter", name)
    assert error.message == f"Unsupported parameter: '{name}' is not supported with this model."


@pytest.mark.parametrize("model", REASONING)
def test_defaults_and_what_they_have_is_taken(model: str) -> None:
    admit(
        EU,
        caller(),
        CHAT,
        request(
            model=model,
            temperature=1,
            top_p=1,
            presence_penalty=0,
            frequency_penalty=0,
            logit_bias={},
            logprobs=False,
            top_logprobs=0,
            n=1,
            max_completion_tokens=5,
            max_tokens=None,
            reasoning_effort="high",
            seed=1,
        ),
    )


@pytest.mark.parametrize("model", FIRST)
def test_the_first_of_them_have_one_answer(model: str) -> None:
    error = refused(model=model, n=2)
    assert (error.code, error.param) == ("unsupported_value", "n")
    assert (
        error.message
        == "Unsupported value: 'n' does not support 2 with this model. Only the default (1) value is supported."
    )


@pytest.mark.parametrize("model", FIRST)
@pytest.mark.parametrize("role", ["system", "developer"])
def test_the_first_of_them_have_no_instructions(model: str, role: str) -> None:
    error = refused(model=model, messages=[USER, {"role": role, "content": "Be brief."}])
    assert (error.code, error.param) == ("unsupported_value", "messages[1].role")
    assert error.message == f"Unsupported value: 'messages[1].role' does not support '{role}' with this model."


@pytest.mark.parametrize("model", ["o3-mini", "o1", "gpt-4o"])
def test_the_others_have_instructions_and_several_answers(model: str) -> None:
    admit(EU, caller(), CHAT, request(model=model, n=2, messages=[{"role": "system", "content": "Be brief."}, USER]))


def test_other_models_take_all_of_it() -> None:
    admit(EU, caller(), CHAT, request(model="gpt-4o", max_tokens=5, temperature=0, logprobs=True, logit_bias={"1": 2}))


def test_the_models_of_the_feature() -> None:
    assert {entry.name for entry in CATALOGUE.entries.values() if "reasoning" in entry.features} == {
        "o1-2024-12-17",
        "o1-mini-2024-09-12",
        "o1-preview",
        "o3-mini-2025-01-31",
    }
