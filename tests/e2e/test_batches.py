"""Batches in both regions, through the official SDK and with the models that ship (C24, C06)."""

import json

import pytest
from openai import ConflictError, NotFoundError, OpenAI
from openai.types import Batch

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey
from tests.platform.processes import eventually

MODEL = "gpt-4o-mini-2024-07-18"
ENDED = {"completed", "failed", "expired", "cancelled"}


@pytest.fixture
def keys(us_key: IssuedKey, eu_key: IssuedKey) -> dict[str, str]:
    return {"us": us_key.secret, "eu": eu_key.secret}


def lines(count: int) -> bytes:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 2}
    request = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    return "\n".join(json.dumps({"custom_id": f"line-{number}", **request}) for number in range(count)).encode()


def ended(client: OpenAI, batch: Batch) -> Batch:
    found = [batch]

    def look() -> bool:
        found[0] = client.batches.retrieve(batch.id)
        return found[0].status in ENDED

    eventually(look, within_s=110, what="the batch ends")
    return found[0]


@pytest.mark.parametrize(("code", "other"), [("us", "eu"), ("eu", "us")])
@pytest.mark.contract("C06")
@pytest.mark.contract("C24")
def test_a_batch_from_its_upload_to_its_results(up: RunningUp, keys: dict[str, str], code: str, other: str) -> None:
    client = up.client(code, keys[code])
    file = client.files.create(file=("in.jsonl", lines(8)), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert batch.status == "validating"
    done = ended(client, batch)
    assert (done.status, done.error_file_id) == ("completed", None)
    assert done.output_file_id is not None
    output = client.files.retrieve(done.output_file_id)
    assert (output.purpose, output.filename) == ("batch_output", f"{batch.id}_output.jsonl")
    records = [json.loads(line) for line in client.files.content(output.id).read().splitlines()]
    assert [record["custom_id"] for record in records] == [f"line-{number}" for number in range(8)]
    assert {record["response"]["body"]["model"] for record in records} == {MODEL}
    assert batch.id in {each.id for each in client.batches.list(limit=1)}
    with pytest.raises(ConflictError):
        client.batches.cancel(batch.id)
    with pytest.raises(NotFoundError):
        up.client(other, keys[other]).batches.retrieve(batch.id)
