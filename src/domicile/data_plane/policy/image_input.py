"""Checks an image that a caller sends as a data URL: its real type must be the claimed one, and its size must be bounded.

Only headers are read. Pillow is no choice here: opening a WebP file allocates two whole canvases (1.1 GB of address space for
a file of 380 KB, measured), on the request path and at any caller's will.
"""

import re
import struct
import zlib
from dataclasses import dataclass

from domicile.kernel import errors
from domicile.kernel.base64_text import decode_base64

PIXELS_MAX = 50_000_000
"""Pixels of one image, by its header. Decoded at four bytes a pixel they take 200 MB."""
SIDE_MAX = 32_767
"""Pixels along one side."""
JPEG_SCANS_MAX = 100
"""A decoder visits all pixels for each scan. A file of one megabyte can have 10,000; cameras and editors write about 12."""

# Exactly this form. An engine may parse URLs more loosely (upper case, blanks), and must not find another URL here.
# Raster formats only: an SVG can hold URLs.
_DATA_URL = re.compile(r"data:image/(png|jpeg|jpg|webp|gif);base64,")
_JPEG_SEGMENTS_MAX = 2_000
_GIF_BLOCKS_MAX = 20_000
# Baseline, extended and progressive, with Huffman or arithmetic coding: the frames that decoders read.
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
_JPEG_SCAN = b"\xff\xda"
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Type and size of an image, from its own header."""

    kind: str
    """png, jpeg, gif or webp."""
    width: int
    height: int


class UnreadableImageError(ValueError):
    """The bytes are not PNG, JPEG, GIF or WebP, or end before the image's size."""


def is_data_url(url: str) -> bool:
    """Whether a URL has the accepted form of a data URL. `check_image` checks its content."""
    return _DATA_URL.match(url) is not None


def check_image(url: str, param: str) -> ImageHeader:
    """Check the image in a data URL and return its header. Raises 400 `invalid_file` naming `param` (design 7).

    The image's type must be the claimed one, and pixels, sides and JPEG scans within the limits above.
    """
    claim = _DATA_URL.match(url)
    if claim is None:
        raise errors.invalid_file(param, "Send an image as data:image/png;base64,... (or jpeg, webp, gif).")
    try:
        data = decode_base64(url[claim.end() :])
        header = read_header(data)
    except UnreadableImageError:
        raise errors.invalid_file(param, "It is not a PNG, JPEG, WebP or GIF image.") from None
    except ValueError:  # binascii.Error, or a letter outside ASCII
        raise errors.invalid_file(param, "What follows 'base64,' is not base64.") from None
    claimed = claim[1].replace("jpg", "jpeg")
    if header.kind != claimed:
        raise errors.invalid_file(param, f"It claims to be image/{claimed} and is image/{header.kind}.")
    if max(header.width, header.height) > SIDE_MAX or header.width * header.height > PIXELS_MAX:
        raise errors.invalid_file(
            param, f"It has more than {PIXELS_MAX // 1_000_000} megapixels, or a side above {SIDE_MAX} pixels."
        )
    # Coded pixels never contain these two bytes (T.81, B.1.1.5), so this counts scans, and at most some bytes in comments.
    if header.kind == "jpeg" and data.count(_JPEG_SCAN) > JPEG_SCANS_MAX:
        raise errors.invalid_file(param, f"It has more than {JPEG_SCANS_MAX} scans. Save it again as an ordinary JPEG.")
    return header


def read_header(data: bytes) -> ImageHeader:
    """Read type and size from the first bytes of an image. Raises `UnreadableImageError`."""
    for start, kind, read in _FORMATS:
        if data.startswith(start):
            try:
                width, height = read(data)
            except (struct.error, IndexError):
                raise UnreadableImageError from None
            if width < 1 or height < 1:
                raise UnreadableImageError
            return ImageHeader(kind, width, height)
    raise UnreadableImageError


def _png(data: bytes) -> tuple[int, int]:
    """PNG (third edition) 11.2.1: the first chunk is IHDR, has 13 bytes, and a checksum over name and content."""
    length, name = struct.unpack_from(">I4s", data, 8)
    (checksum,) = struct.unpack_from(">I", data, 29)
    if length != 13 or name != b"IHDR" or zlib.crc32(data[12:29]) != checksum:
        raise UnreadableImageError
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    """ITU-T T.81, B.1 and B.2: skip marker segments until the frame header."""
    place = 2
    for _ in range(_JPEG_SEGMENTS_MAX):
        mark, code = struct.unpack_from(">BB", data, place)
        if mark != 0xFF:
            raise UnreadableImageError
        if code == 0xFF:  # a filling byte
            place += 1
            continue
        place += 2
        if code in _JPEG_ALONE:
            continue
        (length,) = struct.unpack_from(">H", data, place)
        if code in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 3)
            return width, height
        if length < 2 or code in (0xD8, 0xD9, 0xDA):
            raise UnreadableImageError
        place += length
    raise UnreadableImageError


def _gif(data: bytes) -> tuple[int, int]:
    """GIF89a, 18 to 26: the logical screen and the first image, which may be larger than the screen."""
    screen_width, screen_height, flags = struct.unpack_from("<HHB", data, 6)
    place = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    within_extension = False
    for _ in range(_GIF_BLOCKS_MAX):
        if within_extension:
            within_extension = data[place] != 0
            place += 1 + data[place]
        elif data[place] == 0x2C:
            left, top, width, height = struct.unpack_from("<HHHH", data, place + 1)
            if width < 1 or height < 1:
                raise UnreadableImageError
            return max(screen_width, left + width), max(screen_height, top + height)
        elif data[place] == 0x21:
            within_extension = True
            place += 2
        else:
            raise UnreadableImageError
    raise UnreadableImageError


def _webp(data: bytes) -> tuple[int, int]:
    """RFC 9649: the first chunk tells a simple file (lossy or lossless) from an extended one."""
    if data[8:12] != b"WEBP":
        raise UnreadableImageError
    chunk = data[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise UnreadableImageError


_FORMATS = (
    (b"\x89PNG\r\n\x1a\n", "png", _png),
    (b"\xff\xd8", "jpeg", _jpeg),
    (b"GIF87a", "gif", _gif),
    (b"GIF89a", "gif", _gif),
    (b"RIFF", "webp", _webp),
)
