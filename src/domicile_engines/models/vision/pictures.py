"""Converts an image for the vision model: decodes it and encodes the pixels as PNG."""

import base64
import binascii
import io
import re

from PIL import Image

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile_engines.runtime.engine_errors import url_not_allowed

PIXELS_MAX = 50_000_000
"""Maximum per image, read from its header before it is decoded."""
SIDE_MAX = 1536
"""Pixels of the longer side after scaling. Vision models see less; more only costs memory."""

_DATA_URL = re.compile(r"data:image/(?:png|jpeg|jpg|webp|gif);base64,")
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def as_png(url: str, param: str) -> str:
    """Convert the image of a data URL to the data URL of a PNG.

    llama.cpp cannot read WebP, and its decoders must not see unchecked data. Blocks: call it in a thread. Raises a 400 that
    names `param`.
    """
    head = _DATA_URL.match(url)
    if head is None:
        # This also refuses web addresses, which llama.cpp would fetch.
        raise url_not_allowed(param)
    try:
        raw = binascii.a2b_base64(url[head.end() :], strict_mode=True)
        with Image.open(io.BytesIO(raw), formats=_FORMATS) as picture:
            if picture.width * picture.height > PIXELS_MAX:
                raise errors.invalid_file(param, f"It has more than {PIXELS_MAX} pixels.")
            picture.draft("RGB", (SIDE_MAX, SIDE_MAX))
            pixels = picture.convert("RGB")
    except DomicileError:
        raise
    except Exception:
        # Pillow's decoders raise errors of many types for damaged files, and their texts may quote the file.
        raise errors.invalid_file(param, "It is not a complete PNG, JPEG, WebP or GIF image.") from None
    pixels.thumbnail((SIDE_MAX, SIDE_MAX))
    plain = io.BytesIO()
    pixels.save(plain, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(plain.getvalue()).decode("ascii")
