"""Errors: each renders to OpenAI's envelope with all four members, and none says in its `str()` what somebody sent."""

import inspect
import json
from collections.abc import Callable

import pytest

from domicile.control_plane import control_errors
from domicile.data_plane import region_errors
from domicile.data_plane.region_errors import Unavailability
from domicile.kernel import errors
from domicile.kernel.errors import Category, DomicileError
from domicile.kernel.rate_limits import LimitStanding, RateLimitStanding
from domicile.web import error_rendering, http_errors

SENT = "something that a caller sent"
_MODULES = (errors, http_errors, control_errors, region_errors)


def factories() -> list[Callable[..., DomicileError]]:
    found: list[Callable[..., DomicileError]] = [
        function
        for module in _MODULES
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not function.__name__.startswith("_")
    ]
    assert len(found) > 45
    return found


def test_one_situation_is_made_in_one_place() -> None:
    names = [factory.__name__ for factory in factories()]
    assert len(names) == len(set(names))


def made(factory: Callable[..., DomicileError]) -> DomicileError:
    """An error whose every text came from a caller, except its code: that is the platform's own word."""
    standing = RateLimitStanding(LimitStanding(1, 0, 60.0), None)
    values = {
        str: SENT,
        int: 7,
        float: 7.5,
        RateLimitStanding: standing,
        Unavailability: Unavailability.REFUSED,
        bool: True,
        list[str]: [SENT],
        str | None: SENT,
    }
    parameters = inspect.signature(factory, eval_str=True).parameters.items()
    return factory(
        **{name: "code" if name == "code" else values[parameter.annotation] for name, parameter in parameters}
    )


@pytest.mark.parametrize("factory", factories(), ids=lambda factory: factory.__name__)
def test_every_error_renders_with_all_four_members(factory: Callable[..., DomicileError]) -> None:
    error = made(factory)
    rendered = error_rendering.render(error)
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
    assert error_rendering.render(error).status == 401


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (http_errors.missing_key(), 401),
        (errors.invalid_key("sk-us-0123456789abcd"), 401),
        (errors.mismatched_project("OpenAI-Project"), 401),
        (region_errors.model_not_found("x"), 404),
        (region_errors.model_not_eligible("x", "/v1/embeddings", "eu", ["y"]), 400),
        (errors.unknown_parameter("x"), 400),
        (errors.unsupported_parameter("x", "No."), 400),
        (region_errors.zdr_required("/v1/embeddings", "eu"), 403),
        (errors.enterprise_agreement_required("eu"), 403),
        (errors.zdr_eligibility_required("eu"), 403),
        (region_errors.enhanced_zdr_required("messages[0]", "eu", is_readable=True), 400),
        (control_errors.residency_immutable(), 400),
        (control_errors.invalid_residency("No.", "residency"), 400),
        (http_errors.too_large(1), 413),
        (http_errors.unsupported_media_type("application/json"), 415),
        (errors.unknown_url("GET", "/"), 404),
        (http_errors.method_not_allowed("PUT", "GET"), 405),
        (errors.not_found("project", "x"), 404),
        (region_errors.url_not_allowed("messages[0]", "No."), 400),
        (errors.invalid_file("file", "No."), 400),
        (region_errors.rate_limit_exceeded("Slow down.", 1), 429),
        (region_errors.engine_misconfigured(), 503),
        (region_errors.engine_unavailable(), 503),
        (region_errors.engine_timeout(), 504),
        (http_errors.internal_error(), 500),
    ],
    ids=lambda value: value.code if isinstance(value, DomicileError) else str(value),
)
def test_each_situation_has_its_status(error: DomicileError, status: int) -> None:
    assert error_rendering.render(error).status == status


def test_headers_that_clients_act_on() -> None:
    assert ("retry-after", "3") in error_rendering.render(region_errors.engine_unavailable(3)).headers
    # Official clients retry 409 by themselves; here a conflict is final.
    assert ("x-should-retry", "false") in error_rendering.render(control_errors.conflict("x", "It is there.")).headers
    # And an engine that was silent for minutes would be asked for as long twice more.
    assert ("x-should-retry", "false") in error_rendering.render(region_errors.engine_timeout()).headers
    assert "x-should-retry" not in dict(error_rendering.render(region_errors.engine_unavailable()).headers)
    assert ("www-authenticate", "Bearer") in error_rendering.render(http_errors.missing_key()).headers
    assert [name for name, _ in error_rendering.render(http_errors.internal_error()).headers] == ["content-type"]


def test_every_category_has_a_status_of_its_own_or_a_type() -> None:
    """Two categories have 429: a rate limit, which passes, and a quota, which does not."""
    shown = [category.value for category in Category]
    assert len(set(shown)) == len(shown) == len(Category)
    assert len({status for status, _ in shown}) == len(Category) - 1
