"""A prompt sent to Europe is nowhere else: no file, no memory, no log, nothing that crossed (contract C05 and C07)."""

import json
import resource
import secrets
import time
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError
from openai.types.chat import ChatCompletionMessageParam

from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually
from tests.recordings import SELFISH
from tests.residency.memory import forms, in_files, in_memory
from tests.residency.relay import CapturingRelay


def canary() -> bytes:
    return f"canary{secrets.token_hex(24)}canary".encode()


def usage_has_arrived(installation: Installation, project_id: str) -> bool:
    buckets = installation.admin().admin.organization.usage.completions(
        start_time=int(time.time()) - 3600, bucket_width="1m", project_ids=[project_id], limit=1440
    )
    return any(getattr(result, "num_model_requests", 0) for bucket in buckets.data for result in bucket.results)


@pytest.mark.contract("C05")
@pytest.mark.contract("C07")
def test_a_prompt_stays_in_its_region(installation: Installation, relay: CapturingRelay) -> None:
    issued = installation.new_key("eu")
    client = installation.client("eu", issued.secret)
    needle = canary()
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": needle.decode()}]
    answer = client.chat.completions.create(model="gpt-4o-2024-08-06", messages=messages)
    assert needle.decode() in str(answer.choices[0].message.content)
    stream = client.chat.completions.create(
        model="gpt-4o-2024-08-06",
        messages=messages,
        stream=True,
        metadata={"note": needle.decode()},
        user=needle.decode(),
    )
    assert len([chunk.id for chunk in stream]) > 2
    assert (
        needle.decode()
        in client.completions.create(model="gpt-3.5-turbo-instruct", prompt=needle.decode()).choices[0].text
    )
    client.embeddings.create(model="text-embedding-3-small", input=needle.decode())
    spoken = client.audio.speech.create(model="tts-1", input=needle.decode(), voice="alloy")
    assert spoken.content == needle
    heard = client.audio.transcriptions.create(
        model="whisper-1", file=(needle.decode(), SELFISH.content), prompt=needle.decode()
    )
    assert heard.text == needle.decode()
    # The answer tells the prompt back, and the picture itself rests behind a link.
    (picture,) = client.images.generate(model="dall-e-3", prompt=needle.decode()).data or []
    assert needle.decode() in (picture.revised_prompt or "")
    client.moderations.create(model="text-moderation-007", input=needle.decode())
    # Refusals have logs and error texts of their own.
    with pytest.raises(BadRequestError):
        client.chat.completions.create(model="gpt-4o-2024-08-06", messages=messages, extra_body={needle.decode(): 1})
    with pytest.raises(BadRequestError):
        client.audio.translations.create(model="whisper-1", file=(needle.decode(), needle))
    with pytest.raises(BadRequestError):
        client.chat.completions.create(model="tts-1", messages=messages)
    eventually(lambda: usage_has_arrived(installation, issued.project_id), what="usage arrives at the control plane")

    needles = forms(needle)
    for name in ("control", "region-us", "engine-us"):
        assert in_memory(installation.processes[name].pid, needles) == [], name
    for folder in ("control", "us", "logs"):
        assert in_files(installation.folder / folder, needles) == [], folder
    assert [form for form, encoded in needles.items() if encoded in relay.captured] == []
    # Even in its own region it rests nowhere: chat keeps nothing (design 5).
    assert in_files(installation.folder / "eu", needles) == []


@pytest.mark.contract("C06")
@pytest.mark.contract("C07")
def test_a_file_stays_in_its_region_and_lies_there_only_sealed(
    installation: Installation, relay: CapturingRelay
) -> None:
    issued = installation.new_key("eu")
    client = installation.client("eu", issued.secret)
    needle = canary()
    name, content = needle.decode(), needle * 40_000
    file = client.files.create(file=(name, content), purpose="user_data")
    upload = client.uploads.create(filename=name, purpose="batch", bytes=len(content), mime_type=f"text/{name}")
    part = client.uploads.parts.create(upload.id, data=content)
    whole = client.uploads.complete(upload.id, part_ids=[part.id]).file
    assert whole is not None
    for file_id in (file.id, whole.id):
        assert client.files.content(file_id).read() == content
    assert {each.filename for each in client.files.list()} == {name}
    # Refusals have logs and error texts of their own.
    refused: Any = name
    with pytest.raises(BadRequestError):
        client.files.create(file=(name, content), purpose=refused)
    with pytest.raises(BadRequestError):
        client.uploads.create(filename=name * 9, purpose="batch", bytes=1, mime_type=name)
    for identifier in (name, f"file-{name}"):
        with pytest.raises(NotFoundError):
            client.files.content(identifier)
    # Its bytes are there, and twice: sealed, beside what is deleted and what is only begun.
    client.files.delete(client.files.create(file=(name, content), purpose="vision").id)
    begun = client.uploads.create(filename=name, purpose="batch", bytes=len(content), mime_type="text/plain")
    client.uploads.parts.create(begun.id, data=content)
    stored = [path.stat().st_size for path in (installation.folder / "eu" / "objects").rglob("*") if path.is_file()]
    assert sum(size > len(content) for size in stored) >= 3

    needles = forms(needle)
    for process in ("control", "region-us", "engine-us", "engine-eu"):
        assert in_memory(installation.processes[process].pid, needles) == [], process
    for folder in ("control", "us", "logs", "eu"):
        assert in_files(installation.folder / folder, needles) == [], folder
    assert [form for form, encoded in needles.items() if encoded in relay.captured] == []


@pytest.mark.contract("C06")
@pytest.mark.contract("C24")
def test_a_batch_stays_in_its_region_and_lies_there_only_sealed(
    installation: Installation, relay: CapturingRelay
) -> None:
    issued = installation.new_key("eu")
    client = installation.client("eu", issued.secret)
    needle = canary()
    text = needle.decode()
    body: dict[str, Any] = {"model": "gpt-4o-2024-08-06", "messages": [{"role": "user", "content": text}]}
    request = {"custom_id": text, "method": "POST", "url": "/v1/chat/completions", "body": body}
    refused = {**request, "custom_id": f"{text}-refused", "body": {**body, "messages": text}}
    # The third ends in the errors of its row, and both ids in the files of the first.
    broken = {**request, "body": {**body, "model": text}}
    inputs = [[request, refused], [broken]]
    ended = []
    for lines in inputs:
        content = "\n".join(json.dumps(line) for line in lines).encode()
        file = client.files.create(file=(text, content), purpose="batch")
        made = client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"note": text},
        )
        eventually(
            lambda made=made: client.batches.retrieve(made.id).status in {"completed", "failed"},  # type: ignore[misc]
            within_s=60,
            what="the batch ends",
        )
        ended.append(client.batches.retrieve(made.id))
    done, failed = ended
    for file_id in (done.output_file_id, done.error_file_id):
        assert file_id is not None
        assert needle in client.files.content(file_id).read()
    assert failed.errors is not None
    assert text in str(failed.errors)
    assert done.metadata == {"note": text}

    needles = forms(needle)
    for process in ("control", "region-us", "engine-us"):
        assert in_memory(installation.processes[process].pid, needles) == [], process
    for folder in ("control", "us", "logs", "eu"):
        assert in_files(installation.folder / folder, needles) == [], folder
    assert [form for form, encoded in needles.items() if encoded in relay.captured] == []


def test_the_searches_find_what_is_there(installation: Installation, relay: CapturingRelay) -> None:
    """The negative twin: each search sees what really is where it looks."""
    issued = installation.new_key("eu")
    needle = canary()
    installation.client("eu", issued.secret).chat.completions.create(
        model="gpt-4o-2024-08-06", messages=[{"role": "user", "content": needle.decode()}]
    )
    # The stub engine keeps what it was sent: so the region's side of the installation does hold the prompt.
    assert "raw" in in_memory(installation.processes["engine-eu"].pid, forms(needle))
    eventually(lambda: usage_has_arrived(installation, issued.project_id), what="usage arrives")
    # The ids do cross, by design: in the capture, and in the control plane's database.
    assert issued.project_id.encode() in relay.captured
    assert in_files(installation.folder / "control", {"id": issued.project_id.encode()}) != []


@pytest.mark.parametrize("form", ["raw", "hex", "base64+1", "deflate-9"])
def test_the_file_search_sees_every_form(tmp_path_factory: pytest.TempPathFactory, form: str) -> None:
    folder = tmp_path_factory.mktemp("forms")
    needle = canary()
    (folder / "file").write_bytes(b"before" + forms(needle)[form] + b"after")
    assert f"file: {form}" in in_files(folder, forms(needle))


def test_us_projects_are_not_in_the_european_snapshot(installation: Installation, us_key: IssuedKey) -> None:
    assert in_files(installation.folder / "us", {"id": us_key.project_id.encode()}) != []
    assert in_files(installation.folder / "eu", {"id": us_key.project_id.encode()}) == []
    assert in_memory(installation.processes["region-eu"].pid, {"id": us_key.project_id.encode()}) == []


@pytest.mark.contract("C05")
def test_a_region_that_crashes_leaves_no_memory_on_disk(installation: Installation) -> None:
    """A core dump would be content at rest."""
    assert resource.prlimit(installation.processes["region-eu"].pid, resource.RLIMIT_CORE) == (0, 0)
