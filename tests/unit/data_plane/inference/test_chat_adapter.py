"""What the chat adapter itself says of a request."""

import msgspec
import pytest

from domicile.data_plane.inference.chat import ChatAdapter
from domicile.openai_api.chat import ChatCompletionRequest

MEGABYTE = "A" * 1_000_000


def request(part: dict[str, object]) -> ChatCompletionRequest:
    text = {"type": "text", "text": "What is this?"}
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": [text, part]}]}
    return msgspec.convert(body, ChatCompletionRequest)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{MEGABYTE}"}},
        {"type": "input_audio", "input_audio": {"data": MEGABYTE, "format": "wav"}},
    ],
)
def test_what_an_image_or_a_recording_weighs_is_no_number_of_tokens(part: dict[str, object]) -> None:
    adapter, asked = ChatAdapter(), request(part)
    sent = adapter.encode(asked, model="m", cache_salt=None)
    assert len(sent.body) > len(MEGABYTE)
    assert 10 < adapter.request_usage(asked, sent).input_tokens < 100


def test_an_address_of_an_image_is_never_written_for_an_engine() -> None:
    """Whatever was wrong before: engines fetch by themselves."""
    asked = request({"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}})
    with pytest.raises(RuntimeError, match="must never reach an engine"):
        ChatAdapter().encode(asked, model="m", cache_salt=None)
