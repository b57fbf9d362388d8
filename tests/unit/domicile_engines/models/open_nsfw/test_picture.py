"""Images from data URLs: what is not what it claims, too large, or not whole is refused before it costs anything."""

import logging
import struct
import tracemalloc
import zlib

import pytest
from PIL import Image
from tests.pictures import PNG_URL, data_url, encoded

from domicile.kernel.errors import DomicileError
from domicile_engines.models.open_nsfw.picture import JPEG_PIXELS_MAX, PIXELS_MAX, read_picture

PNG = encoded("PNG", 300, 200)


@pytest.mark.parametrize(("kind", "claimed"), [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"), ("GIF", "gif")])
def test_the_four_formats_are_read(kind: str, claimed: str) -> None:
    picture = read_picture(data_url(encoded(kind, 300, 200), claimed), "p")
    assert (picture.mode, picture.size) == ("RGB", (300, 200))


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size() -> None:
    picture = read_picture(data_url(encoded("JPEG", 6000, 5000), "jpeg"), "p")
    assert picture.width < 1000


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge; its pixels would decode to zeroes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:image/png;base64,not base64",
        data_url(b"", "png"),
        data_url(b"just text", "png"),
        data_url(PNG, "jpeg"),
        data_url(PNG[: len(PNG) // 2], "png"),
        data_url(encoded("JPEG", 300, 200)[:400], "jpeg"),
        data_url(encoded("WEBP", 300, 200)[:60], "webp"),
        data_url(encoded("BMP"), "png"),
        data_url(encoded("JPEG", JPEG_PIXELS_MAX // 5000 + 1, 5000), "jpeg"),
        data_url(bomb(PIXELS_MAX, 2), "png"),
        data_url(bomb(60_000, 60_000), "png"),
    ],
    ids=range(13),
)
def test_what_is_no_image_of_them_is_refused(url: str) -> None:
    tracemalloc.start()
    with pytest.raises(DomicileError) as refused:
        read_picture(url, "input[0].image_url.url")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (refused.value.category.value[0], refused.value.code) == (400, "invalid_file")
    assert refused.value.param == "input[0].image_url.url"
    assert most < 20_000_000


def test_one_pixel_is_enough() -> None:
    assert read_picture(PNG_URL, "p").size == (1, 1)


def test_what_stands_in_an_image_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    metadata = Image.Exif()
    metadata[0x013B] = "a name"
    with caplog.at_level(logging.DEBUG):
        read_picture(data_url(encoded("JPEG", 30, 20, exif=metadata), "jpeg"), "p")
    assert caplog.records == []
