"""An image from a data URL: what it claims to be, of a bounded size, and whole; else 400 `invalid_file`."""

import binascii
import io
import logging
import re
import warnings

from PIL import Image

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError

# At debug level Pillow logs what it reads in an image: an author's name, a place.
logging.getLogger("PIL").setLevel(logging.CRITICAL)

PIXELS_MAX = 20_000_000
"""Decoded, 80 MB at four bytes each."""
JPEG_PIXELS_MAX = 50_000_000
"""A JPEG is decoded at a fraction of its size."""

_FORMATS = {"png": "PNG", "jpeg": "JPEG", "jpg": "JPEG", "webp": "WEBP", "gif": "GIF"}
_DATA_URL = re.compile(r"data:image/(png|jpeg|jpg|webp|gif);base64,")
# More than the model looks at, so that a JPEG can be decoded at a fraction of its size.
_SIDE_WANTED = 512


def read_picture(url: str, param: str) -> Image.Image:
    """The first frame, in RGB. Raises a 400; nothing in it, or anywhere else, quotes the image."""
    claim = _DATA_URL.match(url)
    if claim is None:
        raise errors.invalid_file(param, "Send a PNG, JPEG, WebP or GIF image itself, as a base64 data URL.")
    try:
        data = binascii.a2b_base64(url[claim.end() :], strict_mode=True)
    except ValueError:
        raise errors.invalid_file(param, "What follows 'base64,' is not base64.") from None
    claimed = _FORMATS[claim[1]]
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; their size is checked here, before a pixel is decoded.
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data), formats=sorted(set(_FORMATS.values())))
            _check(picture, claimed, param)
            picture.draft("RGB", (_SIDE_WANTED, _SIDE_WANTED))
            return picture.convert("RGB")
    except DomicileError:
        raise
    except Exception:
        # Pillow's decoders raise errors of many types for damaged files, and their texts may quote the file.
        raise errors.invalid_file(param, "It is not a whole PNG, JPEG, WebP or GIF image.") from None


def _check(picture: Image.Image, claimed: str, param: str) -> None:
    if picture.format != claimed:
        raise errors.invalid_file(param, f"It claims to be {claimed} and is {picture.format}.")
    pixels_max = JPEG_PIXELS_MAX if claimed == "JPEG" else PIXELS_MAX
    if picture.width * picture.height > pixels_max:
        raise errors.invalid_file(param, f"It has more than {pixels_max // 1_000_000} megapixels. Send a smaller copy.")
