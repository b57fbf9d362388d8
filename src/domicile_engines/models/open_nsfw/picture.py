"""Reads an image from a data URL. Raises 400 `invalid_file` for a wrong type, too many pixels or a damaged file."""

import binascii
import io
import logging
import re
import warnings

from PIL import Image

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError

# At debug level Pillow logs an image's metadata, such as the author's name or a place.
logging.getLogger("PIL").setLevel(logging.CRITICAL)

PIXELS_MAX = 20_000_000
"""Maximum for all formats but JPEG: 80 MB decoded, at four bytes a pixel."""
JPEG_PIXELS_MAX = 50_000_000
"""Higher, because Pillow decodes a JPEG at a reduced size."""

_FORMATS = {"png": "PNG", "jpeg": "JPEG", "jpg": "JPEG", "webp": "WEBP", "gif": "GIF"}
_DATA_URL = re.compile(r"data:image/(png|jpeg|jpg|webp|gif);base64,")
# The smallest side to decode a JPEG to. Larger than the model's input.
_SIDE_WANTED = 512


def read_picture(url: str, param: str) -> Image.Image:
    """The image's first frame, in RGB. Raises a 400 that names `param`; no message or log quotes the image."""
    claim = _DATA_URL.match(url)
    if claim is None:
        raise errors.invalid_file(param, "Send a PNG, JPEG, WebP or GIF image as a base64 data URL.")
    try:
        data = binascii.a2b_base64(url[claim.end() :], strict_mode=True)
    except ValueError:
        raise errors.invalid_file(param, "What follows 'base64,' is not base64.") from None
    claimed = _FORMATS[claim[1]]
    try:
        with warnings.catch_warnings():
            # Pillow warns about large images; `_check` limits their size before a pixel is decoded.
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data), formats=sorted(set(_FORMATS.values())))
            _check(picture, claimed, param)
            picture.draft("RGB", (_SIDE_WANTED, _SIDE_WANTED))
            return picture.convert("RGB")
    except DomicileError:
        raise
    except Exception:
        # Pillow's decoders raise errors of many types for damaged files, and their texts may quote the file.
        raise errors.invalid_file(param, "It is not a complete PNG, JPEG, WebP or GIF image.") from None


def _check(picture: Image.Image, claimed: str, param: str) -> None:
    if picture.format != claimed:
        raise errors.invalid_file(param, f"The data URL says {claimed}, but the image is {picture.format}.")
    pixels_max = JPEG_PIXELS_MAX if claimed == "JPEG" else PIXELS_MAX
    if picture.width * picture.height > pixels_max:
        raise errors.invalid_file(param, f"It has more than {pixels_max // 1_000_000} megapixels. Send a smaller copy.")
