"""An image that a caller sends by its bytes: it must be what it claims, and of a size that an engine can take on.

Only headers are read. Pillow would do it for three of the four formats; for WebP it sets two whole canvases aside when it
opens a file (1.1 GB of addresses for one of 380 KB, measured), on the request's path, for whoever asks.
"""

import re
import struct
import zlib
from dataclasses import dataclass

from domicile.kernel import errors
from domicile.kernel.base64_text import decode_base64

PIXELS_MAX = 50_000_000
"""Of one image, by its header: decoded, 200 MB at four bytes each."""
SIDE_MAX = 32_767
"""Pixels along one side."""
JPEG_SCANS_MAX = 100
"""A decoder goes over all pixels for each, and a file of a megabyte can have ten thousand. Cameras and editors make twelve."""

# Exactly this shape and no other: an engine that reads addresses more generously (upper case, blanks) must not find one.
# And pixels only: an SVG may itself hold addresses.
_DATA_URL = re.compile(r"data:image/(png|jpeg|jpg|webp|gif);base64,")
_JPEG_SEGMENTS_MAX = 2_000
_GIF_BLOCKS_MAX = 20_000
# Baseline, extended and progressive, with Huffman or arithmetic coding: the frames that decoders read.
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
_JPEG_SCAN = b"\xff\xda"
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image's own header says."""

    kind: str
    """png, jpeg, gif or webp."""
    width: int
    height: int


class UnreadableImageError(ValueError):
    """Bytes that are not an image of the four formats, or end before its size is known."""


def is_data_url(url: str) -> bool:
    """Whether it has the one shape in which images are taken; what it holds is `check_image`'s matter."""
    return _DATA_URL.match(url) is not None


def check_image(url: str, param: str) -> ImageHeader:
    """The header of a data URL's image. Raises 400 `invalid_file` naming `param` unless it is what it claims (design 7)."""
    claim = _DATA_URL.match(url)
    if claim is None:
        raise errors.invalid_file(param, "An image is sent as data:image/png;base64,... (or jpeg, webp, gif).")
    try:
        data = decode_base64(url[claim.end() :])
        header = read_header(data)
    except UnreadableImageError:
        raise errors.invalid_file(param, "It is not a PNG, JPEG, WebP or GIF image.") from None
    except ValueError:  # binascii's own, and that of a letter outside ASCII
        raise errors.invalid_file(param, "What follows 'base64,' is not base64.") from None
    claimed = claim[1].replace("jpg", "jpeg")
    if header.kind != claimed:
        raise errors.invalid_file(param, f"It claims to be image/{claimed} and is image/{header.kind}.")
    if max(header.width, header.height) > SIDE_MAX or header.width * header.height > PIXELS_MAX:
        raise errors.invalid_file(
            param, f"It has more than {PIXELS_MAX // 1_000_000} megapixels, or a side above {SIDE_MAX} pixels."
        )
    # Coded pixels cannot hold these two bytes (T.81, B.1.1.5), so what is counted is scans, and what stands in comments.
    if header.kind == "jpeg" and data.count(_JPEG_SCAN) > JPEG_SCANS_MAX:
        raise errors.invalid_file(param, f"It has more than {JPEG_SCANS_MAX} scans. Save it again as an ordinary JPEG.")
    return header


def read_header(data: bytes) -> ImageHeader:
    """Kind and size, by content. Raises `UnreadableImageError`."""
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
    """PNG (third edition) 11.2.1: IHDR comes first, has 13 bytes, and its checksum covers name and content."""
    length, name = struct.unpack_from(">I4s", data, 8)
    (checksum,) = struct.unpack_from(">I", data, 29)
    if length != 13 or name != b"IHDR" or zlib.crc32(data[12:29]) != checksum:
        raise UnreadableImageError
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    """ITU-T T.81, B.1 and B.2: markers one after the other, until that of the frame."""
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
    """GIF89a, 18 to 26: the screen and the first picture, which may be larger than the screen."""
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
    """RFC 9649: a simple file (lossy or lossless) or an extended one, by its first chunk."""
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
