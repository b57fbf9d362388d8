"""Files and uploads in both regions, through the official SDK (C26, C06)."""

import hashlib
import os

import httpx2
import pytest
from openai import APIStatusError, AuthenticationError, BadRequestError, NotFoundError

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey

BOTH = pytest.mark.parametrize(("code", "other"), [("us", "eu"), ("eu", "us")])
MIB = 1024 * 1024


@pytest.fixture
def keys(us_key: IssuedKey, eu_key: IssuedKey) -> dict[str, str]:
    return {"us": us_key.secret, "eu": eu_key.secret}


@BOTH
@pytest.mark.contract("C06")
@pytest.mark.contract("C26")
def test_a_file_from_its_upload_to_its_deletion(up: RunningUp, keys: dict[str, str], code: str, other: str) -> None:
    client, content = up.client(code, keys[code]), os.urandom(5 * MIB + 1)
    expires_after: dict[str, object] = {"anchor": "created_at", "seconds": 3600}
    file = client.files.create(file=("data.jsonl", content), purpose="fine-tune", expires_after=expires_after)  # type: ignore[arg-type]
    assert (file.filename, file.bytes, file.expires_at) == ("data.jsonl", len(content), file.created_at + 3600)
    assert file.id in {each.id for each in client.files.list(purpose="fine-tune", limit=1, order="asc")}
    assert client.files.content(file.id).read() == content
    part = client.files.with_raw_response.content(file.id, extra_headers={"range": "bytes=-3"})
    assert (part.http_response.status_code, part.content) == (206, content[-3:])
    raw = client.files.with_raw_response.retrieve(file.id)
    assert raw.headers["domicile-region"] == code
    # Neither the file nor the key is anything in the other region.
    with pytest.raises(AuthenticationError):
        up.client(other, keys[code]).files.retrieve(file.id)
    with pytest.raises(NotFoundError):
        up.client(other, keys[other]).files.retrieve(file.id)
    assert client.files.delete(file.id).deleted
    with pytest.raises(NotFoundError):
        client.files.content(file.id)


@BOTH
def test_an_upload_in_parts(up: RunningUp, keys: dict[str, str], code: str, other: str) -> None:
    client, content = up.client(code, keys[code]), os.urandom(3 * MIB + 1)
    upload = client.uploads.upload_file_chunked(
        file=content,
        filename="data.jsonl",
        bytes=len(content),
        mime_type="application/jsonl",
        purpose="batch",
        part_size=MIB,
        md5=hashlib.md5(content).hexdigest(),
    )
    assert upload.file is not None
    assert (upload.status, upload.file.bytes) == ("completed", len(content))
    assert client.files.content(upload.file.id).read() == content
    given_up = client.uploads.create(filename="a", purpose="batch", bytes=1, mime_type="text/plain")
    with pytest.raises(NotFoundError):
        up.client(other, keys[other]).uploads.cancel(given_up.id)
    assert client.uploads.cancel(given_up.id).status == "cancelled"
    with pytest.raises(APIStatusError) as caught:
        client.uploads.parts.create(given_up.id, data=b"x")
    assert (caught.value.status_code, caught.value.body["code"]) == (409, "upload_not_pending")  # type: ignore[index]


@BOTH
def test_what_is_refused_says_why(up: RunningUp, keys: dict[str, str], code: str, other: str) -> None:
    client = up.client(code, keys[code])
    with pytest.raises(BadRequestError) as caught:
        client.files.create(file=b"x", purpose="assistants")
    assert (caught.value.code, caught.value.param) == ("invalid_value", "purpose")
    assert "user_data" in caught.value.message
    url = f"{up.region_url(code)}/files"
    form = {"purpose": "batch", "store": "true"}
    answer = httpx2.post(url, headers={"authorization": f"Bearer {keys[code]}"}, data=form, files={"file": b"x"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "store")
