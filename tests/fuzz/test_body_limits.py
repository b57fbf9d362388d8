"""The table of body limits, shown on every path that takes a body: one byte more is 413, however it is framed."""

import time

import pytest

from domicile.web.bodies.body_limits import BODY_LIMITS, body_limit
from tests.fuzz.answers import check_answer
from tests.fuzz.endpoints import POSTS, Endpoint, Targets
from tests.fuzz.wire import Wire, request
from tests.platform.installation import Installation

FORMS = {"/v1/audio/transcriptions", "/v1/audio/translations", "/v1/files", "/v1/uploads/{upload_id}/parts"}
# Of a larger body only the head is sent: tests/component/data_plane/files counts bytes.
SENT_WHOLE_MAX = 100 * 1024 * 1024
# Whoever shows no signature at all is refused on the head.
SIGNED = ((b"domicile-region", b"eu"), (b"domicile-replica", b"rep_x"), (b"domicile-signature", b"eA=="))
# A form without its file is refused at its end. The bytes after the end are read and ignored (RFC 2046 5.1.1).
EMPTY_FORM = b"--b--\r\n"
READING = [endpoint for endpoint in POSTS if endpoint.takes_a_body]
SENT_WHOLE = [endpoint for endpoint in READING if body_limit(endpoint.path) <= SENT_WHOLE_MAX]
HUGE = [endpoint for endpoint in READING if endpoint not in SENT_WHOLE]


@pytest.fixture(scope="module")
def targets(installation: Installation) -> Targets:
    return Targets.of(installation)


def padded_form(size: int) -> bytes:
    return EMPTY_FORM + b"x" * (size - len(EMPTY_FORM))


def test_every_path_that_takes_a_body_has_a_limit() -> None:
    assert {body_limit(endpoint.path) for endpoint in READING} <= set(BODY_LIMITS.values())
    with pytest.raises(KeyError):
        body_limit("/v1/chat/completionsx")


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
@pytest.mark.parametrize("endpoint", SENT_WHOLE, ids=str)
def test_one_byte_too_many(endpoint: Endpoint, targets: Targets, chunked: bool) -> None:
    limit = body_limit(endpoint.path)
    media_type = b"multipart/form-data; boundary=b" if endpoint.path in FORMS else b"application/json"

    def answer_to(size: int) -> tuple[int, str]:
        headers = [
            (b"host", b"localhost"),
            (b"authorization", b"Bearer " + targets.secret(endpoint).encode()),
            (b"content-type", media_type),
            *(SIGNED if endpoint.listener == "boundary" else ()),
            (b"domicile-timestamp", str(int(time.time() * 1000)).encode()),
        ]
        body = padded_form(size) if endpoint.path in FORMS else b'{"no_such": "' + b"x" * (size - 15) + b'"}'
        wire = Wire(targets.port(endpoint.listener))
        try:
            answer = wire.exchange(request(b"POST", targets.path(endpoint).encode(), headers, body, chunked=chunked))
        finally:
            wire.close()
        error = check_answer(answer.status, answer.headers, answer.body)
        assert error is not None
        return answer.status, error["message"]

    status, message = answer_to(limit + 1)
    assert status == 413
    assert str(limit) in message
    # Read whole: refused for what it says, or, between the planes, for its wrong signature.
    assert answer_to(limit)[0] in {400, 403}


@pytest.mark.parametrize("endpoint", HUGE, ids=str)
def test_one_byte_too_many_is_refused_on_the_head(endpoint: Endpoint, targets: Targets) -> None:
    limit = body_limit(endpoint.path)
    headers = [
        (b"host", b"localhost"),
        (b"authorization", b"Bearer " + targets.secret(endpoint).encode()),
        (b"content-type", b"multipart/form-data; boundary=b"),
        (b"content-length", b"%d" % (limit + 1)),
    ]
    wire = Wire(targets.port(endpoint.listener))
    try:
        answer = wire.exchange(request(b"POST", targets.path(endpoint).encode(), headers, None))
    finally:
        wire.close()
    error = check_answer(answer.status, answer.headers, answer.body)
    assert answer.status == 413
    assert error is not None
    assert str(limit) in error["message"]
