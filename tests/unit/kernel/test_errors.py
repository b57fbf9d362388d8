"""Errors: each renders to OpenAI's envelope with all four members, and none says in its `str()` what somebody sent."""

import inspect
import json
from collections.abc import Callable

import pytest

from domicile.kernel import errors
from domicile.kernel.errors import Category, DomicileError

SENT = "something that a caller sent"
_NOT_FACTORIES = {errors.render, errors.envelope}


def factories() -> list[Callable[..., DomicileError]]:
    found: list[Callable[..., DomicileError]] = [
        function
        for _, function in inspect.getmembers(errors, inspect.isfunction)
        if function.__module__ == errors.__name__
        and function not in _NOT_FACTORIES
        and not function.__name__.startswith("_")
    ]
    assert len(found) > 30
    return found


def made(factory: Callable[..., DomicileError]) -> DomicileError:
    """An error whose every text came from a caller, except its code: that is the platform's own word."""
    values = {str: SENT, int: 7, bool: True, list[str]: [SENT], str | None: SENT}
    parameters = inspect.signature(factory, eval_str=True).parameters.items()
    return factory(
        **{name: "code" if name == "code" else values[parameter.annotation] for name, parameter in parameters}
    )


@pytest.mark.parametrize("factory", factories(), ids=lambda factory: factory.__name__)
def test_every_error_renders_with_all_four_members(factory: Callable[..., DomicileError]) -> None:
    error = made(factory)
    rendered = errors.render(error)
    body = json.loads(rendered.body)
    assert list(body) == ["error"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert isinstance(body["error"]["message"], str)
    assert len(body["error"]["message"]) > 10
    assert isinstance(body["error"]["type"], str)
    assert 400 <= rendered.status < 600
    assert ("content-type", "application/json") in rendered.headers


@pytest.mark.parametrize("factory", factories(), ids=lambda factory: factory.__name__)
def test_a_stray_log_line_holds_no_content(factory: Callable[..., DomicileError]) -> None:
    error = made(factory)
    assert SENT not in str(error)
    assert SENT not in repr(error)


@pytest.mark.contract("C12")
def test_the_host_is_the_last_word_for_a_wrong_region() -> None:
    error = errors.incorrect_hostname("eu.example.com:8443")
    assert error.message.endswith("Please make your request to eu.example.com:8443")
    assert "incorrect regional hostname" in error.message
    assert errors.render(error).status == 401


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.missing_key(), 401),
        (errors.invalid_key("sk-us-0123456789abcd"), 401),
        (errors.mismatched_project("OpenAI-Project"), 401),
        (errors.model_not_found("x"), 404),
        (errors.model_not_eligible("x", "/v1/embeddings", "eu", ["y"]), 400),
        (errors.unknown_parameter("x"), 400),
        (errors.unsupported_parameter("x", "No."), 400),
        (errors.zdr_required("/v1/embeddings", "eu"), 403),
        (errors.enterprise_agreement_required("eu"), 403),
        (errors.zdr_eligibility_required("eu"), 403),
        (errors.enhanced_zdr_required("messages[0]", "eu", is_readable=True), 400),
        (errors.residency_immutable(), 400),
        (errors.invalid_residency("No.", "residency"), 400),
        (errors.too_large(1), 413),
        (errors.unsupported_media_type("application/json"), 415),
        (errors.unknown_url("GET", "/"), 404),
        (errors.method_not_allowed("PUT", "GET"), 405),
        (errors.not_found("project", "x"), 404),
        (errors.url_not_allowed("messages[0]", "No."), 400),
        (errors.invalid_file("file", "No."), 400),
        (errors.rate_limit_exceeded("Slow down.", 1), 429),
        (errors.engine_misconfigured(), 503),
        (errors.engine_unavailable(), 503),
        (errors.engine_timeout(), 504),
        (errors.internal_error(), 500),
    ],
    ids=lambda value: value.code if isinstance(value, DomicileError) else str(value),
)
def test_each_situation_has_its_status(error: DomicileError, status: int) -> None:
    assert errors.render(error).status == status


def test_headers_that_clients_act_on() -> None:
    assert ("retry-after", "3") in errors.render(errors.engine_unavailable(3)).headers
    # Official clients retry 409 by themselves; here a conflict is final.
    assert ("x-should-retry", "false") in errors.render(errors.conflict("x", "It is there.")).headers
    # And an engine that was silent for minutes would be asked for as long twice more.
    assert ("x-should-retry", "false") in errors.render(errors.engine_timeout()).headers
    assert "x-should-retry" not in dict(errors.render(errors.engine_unavailable()).headers)
    assert ("www-authenticate", "Bearer") in errors.render(errors.missing_key()).headers
    assert [name for name, _ in errors.render(errors.internal_error()).headers] == ["content-type"]


def test_every_category_has_a_status_of_its_own() -> None:
    statuses = [category.value[0] for category in Category]
    assert len(set(statuses)) == len(statuses) == len(Category)
