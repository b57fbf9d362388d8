"""An image request is served, or refused with the member at fault."""

from typing import Any

import msgspec
import pytest

from domicile_engines.endpoints.images.request import PROMPT_LENGTH_MAX, decode
from domicile_engines.runtime.errors import Refusal

ASKED = {"model": "procedural-sketch", "prompt": "a cat", "response_format": "b64_json"}


def body(**members: Any) -> bytes:
    return msgspec.json.encode({**ASKED, **members})


@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"model": "dall-e-3"}, "model_not_found", "model"),
        ({"prompt": ""}, "invalid_value", "prompt"),
        ({"prompt": " \n"}, "invalid_value", "prompt"),
        ({"prompt": "x" * (PROMPT_LENGTH_MAX + 1)}, "invalid_value", "prompt"),
        ({"prompt": None}, "invalid_value", "prompt"),
        ({"size": "512x512"}, "invalid_value", "size"),
        ({"size": "auto"}, "invalid_value", "size"),
        ({"n": 0}, "invalid_value", "n"),
        ({"n": 11}, "invalid_value", "n"),
        ({"quality": "high"}, "invalid_value", "quality"),
        ({"style": "baroque"}, "invalid_value", "style"),
        ({"response_format": "url"}, "invalid_value", "response_format"),
        ({"response_format": None}, "invalid_value", "response_format"),
        ({"background": "transparent"}, "unsupported_parameter", "background"),
        ({"moderation": "low"}, "unsupported_parameter", "moderation"),
        ({"output_format": "webp"}, "unsupported_parameter", "output_format"),
        ({"output_compression": 50}, "unsupported_parameter", "output_compression"),
        ({"stream": True}, "unsupported_parameter", "stream"),
        ({"partial_images": 2}, "unsupported_parameter", "partial_images"),
        ({"seed": 1}, "unsupported_parameter", "seed"),
    ],
)
def test_what_is_not_served_is_refused(members: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(Refusal) as caught:
        decode(body(**members))
    assert (caught.value.code, caught.value.param) == (code, param)


def test_the_longest_prompt_and_every_size_are_taken() -> None:
    for size, pixels in (("1024x1024", (1024, 1024)), ("1792x1024", (1792, 1024)), ("1024x1792", (1024, 1792))):
        request = decode(body(prompt="x" * PROMPT_LENGTH_MAX, size=size, quality="hd", style="natural", n=10, user="u"))
        assert request.pixels == pixels
    assert decode(body(size=None, n=None, quality=None, style=None, background=None)).pixels == (1024, 1024)
