"""A mark that is sent to Europe through every endpoint, with the models that ship: it rests nowhere (C05, C07)."""

import base64
import contextlib
import secrets
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError

from tests.e2e.conftest import RunningUp
from tests.e2e.test_up import descendants
from tests.pictures import data_url
from tests.recordings import SELFISH
from tests.residency.marked_requests import marked_png, marked_recordings
from tests.residency.memory import forms, in_files, in_memory


def _send_everywhere(up: RunningUp, secret: str, mark: str) -> None:
    client = up.client("eu", secret)
    messages: list[Any] = [
        {"role": "system", "content": f"You are {mark}."},
        {"role": "user", "content": f"Say {mark}.", "name": mark[:60]},
    ]
    schema: Any = {"type": "object", "properties": {mark: {"type": "string", "enum": [mark]}}, "required": [mark]}
    asked: dict[str, Any] = {"model": "gpt-4o", "messages": messages, "max_tokens": 16, "stop": [mark], "user": mark}
    client.chat.completions.create(**asked, extra_headers={"x-client-request-id": mark, "user-agent": mark})
    assert len(list(client.chat.completions.create(**asked, stream=True))) > 1
    client.chat.completions.create(
        **asked,
        response_format={"type": "json_schema", "json_schema": {"name": mark[:60], "schema": schema}},
    )
    tool: Any = {"name": mark[:60], "description": mark, "parameters": schema}
    client.chat.completions.create(
        **asked,
        tools=[{"type": "function", "function": tool}],
        tool_choice="required",
    )
    client.completions.create(model="gpt-3.5-turbo-instruct", prompt=mark, max_tokens=4)
    client.embeddings.create(model="text-embedding-3-small", input=mark)
    client.moderations.create(model="omni-moderation-latest", input=mark)
    pictures: Any = [{"type": "image_url", "image_url": {"url": data_url(marked_png(mark.encode()), "png")}}]
    with contextlib.suppress(APIStatusError):
        # Europe asks for an approval that this organization lacks: refused, with its log.
        client.moderations.create(model="omni-moderation-latest", input=pictures)
    client.audio.speech.create(model="tts-1", voice="alloy", input=f"Read {mark[:12]}.")
    for _, content in marked_recordings(mark.encode()):
        with contextlib.suppress(APIStatusError):
            client.audio.transcriptions.create(model="whisper-1", file=(mark, content), prompt=mark, language="en")
    heard: Any = {
        "role": "user",
        "content": [
            {"type": "text", "text": mark},
            {
                "type": "input_audio",
                "input_audio": {"format": "wav", "data": base64.b64encode(_wav(mark)).decode()},
            },
        ],
    }
    client.chat.completions.create(model="gpt-4o", messages=[heard], max_tokens=4)
    client.audio.translations.create(model="whisper-1", file=("a.flac", SELFISH.content), prompt=mark)
    # The picture itself rests behind a link for an hour, as ciphertext.
    client.images.generate(model="dall-e-3", prompt=mark)
    for member in ("model", mark):
        with pytest.raises(APIStatusError):
            client.chat.completions.create(**asked, extra_body={member: mark})


def _wav(mark: str) -> bytes:
    return next(content for _, content in marked_recordings(mark.encode()))


def _process_ids(up: RunningUp, *names: str) -> dict[int, str]:
    """Those processes of `up` in whose command one of these stands, with the command."""
    found = {}
    for pid in descendants(up.process.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        if any(name in command for name in names):
            found[pid] = command
    return found


@pytest.mark.contract("C05")
@pytest.mark.contract("C07")
def test_a_mark_in_europe_is_found_nowhere_with_the_models_that_ship(up: RunningUp) -> None:
    mark = f"canary{secrets.token_hex(24)}canary"
    _send_everywhere(up, up.new_key("eu").secret, mark)
    needles = forms(mark.encode())
    assert in_files(up.folder, needles) == []
    assert not [form for form, needle in needles.items() if needle in up.output.read_bytes()]
    outside = _process_ids(up, "domicile.apps.control", "/us/", " us ")
    assert len(outside) >= 3, outside
    for pid, command in outside.items():
        assert in_memory(pid, needles) == [], command


def test_the_search_sees_a_mark_where_it_is(up: RunningUp) -> None:
    """The negative twin: Europe's own engine did have it."""
    mark = f"canary{secrets.token_hex(24)}canary"
    client = up.client("eu", up.new_key("eu").secret)
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": mark}], max_tokens=2)
    inside = _process_ids(up, "/eu/", " eu ")
    assert [pid for pid in inside if in_memory(pid, forms(mark.encode()))]
