"""What the drawing program refuses of a request that is right in itself."""

from typing import Any

import pytest
from tests.unit.domicile_engines.asking import read, refused

from domicile_engines.endpoints.images.capability import MODEL_ID
from domicile_engines.endpoints.images.endpoint import read_image_request

ASKED = {"model": MODEL_ID, "prompt": "a cat", "response_format": "b64_json"}


@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"model": "dall-e-3"}, "model_not_found", "model"),
        ({"response_format": "url"}, "invalid_value", "response_format"),
        ({"response_format": None}, "invalid_value", "response_format"),
        ({"background": "transparent"}, "unsupported_parameter", "background"),
        ({"moderation": "low"}, "unsupported_parameter", "moderation"),
        ({"output_format": "webp"}, "unsupported_parameter", "output_format"),
        ({"output_compression": 50}, "unsupported_parameter", "output_compression"),
        ({"stream": True}, "unsupported_parameter", "stream"),
        ({"partial_images": 2}, "unsupported_parameter", "partial_images"),
    ],
)
async def test_what_the_program_cannot_do_is_refused_by_name(members: dict[str, Any], code: str, param: str) -> None:
    error = await refused(read_image_request, {**ASKED, **members})
    assert (error.code, error.param) == (code, param)


@pytest.mark.parametrize("size", [None, "auto", "1024x1024", "1792x1024", "1024x1792"])
async def test_every_size_is_taken(size: str | None) -> None:
    asked = {**ASKED, "prompt": "x" * 4000, "size": size, "quality": "hd", "style": "natural", "n": 10, "user": "u"}
    assert (await read(read_image_request, asked)).images == 10
