"""An engine's refusal becomes ours; its own text stays where it is (design 7)."""

import json

import pytest

from domicile.data_plane.engines import refusal
from domicile.kernel.errors import Category, DomicileError

TEXT = "secret-host.internal:8000 says the patient asked"


def engine_refusal(status: int, body: bytes, retry_after: str | None, *, is_embedded: bool = False) -> DomicileError:
    return refusal.engine_refusal(status, body, retry_after, input_member="messages", is_embedded=is_embedded)


def body(**error: object) -> bytes:
    return json.dumps({"error": {"message": TEXT, **error}}).encode()


@pytest.mark.parametrize(
    ("status", "code", "category"),
    [
        (400, "engine_refused", Category.INVALID),
        (413, "engine_refused", Category.INVALID),
        (422, "engine_refused", Category.INVALID),
        (401, "engine_misconfigured", Category.UNAVAILABLE),
        (403, "engine_misconfigured", Category.UNAVAILABLE),
        (404, "engine_misconfigured", Category.UNAVAILABLE),
        (405, "engine_misconfigured", Category.UNAVAILABLE),
        (408, "engine_timeout", Category.TIMEOUT),
        (504, "engine_timeout", Category.TIMEOUT),
        (429, "engine_unavailable", Category.UNAVAILABLE),
        (500, "engine_unavailable", Category.UNAVAILABLE),
        (503, "engine_unavailable", Category.UNAVAILABLE),
        (302, "engine_unavailable", Category.UNAVAILABLE),
        (204, "engine_unavailable", Category.UNAVAILABLE),
    ],
)
def test_each_status_has_its_code(status: int, code: str, category: Category) -> None:
    error = engine_refusal(status, body(code="boom"), None)
    assert (error.code, error.category) == (code, category)
    assert "secret-host" not in error.message


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (None, 1),
        ("", 1),
        ("0", 1),
        ("7", 7),
        ("3600", 60),
        ("-5", 1),
        ("soon", 1),
        ("\N{SUPERSCRIPT TWO}", 1),
        ("9" * 5000, 1),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1),
    ],
)
def test_the_time_to_wait_is_kept_within_reason(retry_after: str | None, seconds: int) -> None:
    assert engine_refusal(429, b"", retry_after).retry_after_s == seconds


@pytest.mark.parametrize(
    ("param", "shown"),
    [
        ("seed", "seed"),
        ("messages[0].content[12].type", "messages[0].content[12].type"),
        (None, None),
        ("", None),
        ("Seed", None),
        ("secret-host.internal", None),
        ("seed says no", None),
        ("seed\n", None),
        ("a" * 41, None),
        (".".join(["a"] * 20), None),
    ],
)
def test_a_parameter_is_named_only_when_it_is_a_path(param: str | None, shown: str | None) -> None:
    error = engine_refusal(400, body(code="unsupported_parameter", param=param), None)
    assert (error.code, error.param) == ("unsupported_parameter", shown)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b'{"error":"%s"}' % TEXT.encode(),
        b'{"error":{"code":["x"]}}',
        b'{"detail":"x"}',
        b'{"error":{"message":"\xff","code":"invalid_value"}}',
        b'{"x":' + b"[" * 100_000,
        b"[]",
        body(code="made_up"),
        body(code=None, type=None),
    ],
)
def test_whatever_else_it_says_is_our_own_word(answer: bytes) -> None:
    error = engine_refusal(400, answer, None)
    assert (error.code, error.param) == ("engine_refused", None)
    assert error.message == "The engine that serves this model here cannot process this request."


def test_the_embedded_engine_s_words_are_ours() -> None:
    told = {"code": "invalid_value", "param": "voice", "message": "'voice' must be one of: alloy, ash."}
    error = engine_refusal(400, body(**told), None, is_embedded=True)
    assert (error.message, error.param, error.code) == (told["message"], "voice", "invalid_value")
    assert engine_refusal(400, body(**told), None).message != told["message"]


@pytest.mark.parametrize("error", [{"code": "boom"}, {"code": "invalid_value", "message": "x" * 401}])
def test_words_without_a_known_code_or_without_end_stay_where_they_are(error: dict[str, object]) -> None:
    assert "xxx" not in engine_refusal(400, body(**error), None, is_embedded=True).message
    assert "secret-host" not in engine_refusal(400, body(**error), None, is_embedded=True).message
