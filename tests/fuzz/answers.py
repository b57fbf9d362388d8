"""What every answer must be, whatever was sent: no 5xx, and each error in the envelope, whole."""

from collections.abc import Mapping
from typing import Any

import msgspec

ENVELOPE = {"message", "type", "param", "code"}


def check_answer(
    status: int, headers: Mapping[str, str], body: bytes, *, headless: bool = False
) -> dict[str, Any] | None:
    """The error, when it is one. `headless`: the answer to HEAD has no body."""
    assert 100 <= status < 500, (status, body[:300])
    assert headers.get("x-request-id", "").startswith("req_"), headers
    if status < 400 or headless:
        return None
    assert headers.get("content-type") == "application/json", headers
    content = msgspec.json.decode(body)
    assert isinstance(content, dict) and set(content) == {"error"}, body[:300]
    error: dict[str, Any] = content["error"]
    assert set(error) == ENVELOPE, error
    assert isinstance(error["message"], str) and error["message"], error
    assert error["type"] in {"invalid_request_error", "rate_limit_error"}, error
    assert error["code"] is None or isinstance(error["code"], str), error
    assert error["param"] is None or isinstance(error["param"], str), error
    return error
