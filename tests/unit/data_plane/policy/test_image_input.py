"""An image that a caller sends is what it claims, by its content, and of a bounded size."""

import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.data_plane.policy.image_input import JPEG_SCANS_MAX, UnreadableImageError, check_image, read_header
from domicile.kernel.errors import DomicileError
from tests.pictures import PNG_URL, data_url, encoded

PARAM = "messages[0].content[0].image_url.url"
REAL = {
    "png": encoded("PNG", 5, 7),
    "jpeg": encoded("JPEG", 5, 7),
    "progressive jpeg": encoded("JPEG", 5, 7, progressive=True, exif=b"Exif\0\0" + bytes(60_000)),
    "gif": encoded("GIF", 5, 7, comment=b"words " * 200),
    "lossy webp": encoded("WEBP", 5, 7),
    "lossless webp": encoded("WEBP", 5, 7, lossless=True),
    "extended webp": encoded("WEBP", 5, 7, exif=b"Exif\0\0x"),
}


def png_header(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def refused(url: str) -> str:
    with pytest.raises(DomicileError) as caught:
        check_image(url, PARAM)
    assert (caught.value.category.value[0], caught.value.code, caught.value.param) == (400, "invalid_file", PARAM)
    return caught.value.message


@pytest.mark.parametrize("name", REAL)
def test_kind_and_size_are_read_from_what_a_real_encoder_wrote(name: str) -> None:
    header = read_header(REAL[name])
    assert (header.kind, header.width, header.height) == (name.rsplit(maxsplit=1)[-1], 5, 7)


def test_both_names_of_jpeg() -> None:
    for claimed in ("jpeg", "jpg"):
        assert check_image(data_url(REAL["jpeg"], claimed), PARAM).kind == "jpeg"


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("claimed", ["png", "jpeg", "jpg", "gif", "webp"])
def test_a_wrong_claim_is_refused(name: str, claimed: str) -> None:
    kind = name.rsplit(maxsplit=1)[-1]
    if claimed.replace("jpg", "jpeg") != kind:
        assert f"is image/{kind}" in refused(data_url(REAL[name], claimed))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"plain text",
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF\0\0\0\0WAVE",
    ],
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    assert "not a PNG, JPEG, WebP or GIF" in refused(data_url(data, "png"))


@pytest.mark.parametrize(
    "text", ["AA", "A*==", "iVBO Rw0KGgo=", "iVBORw0KGgo=\n", "iVBORw0KGg-_", "\u00e9===", "AA==AA=="]
)
def test_what_is_no_base64_is_refused_without_being_quoted(text: str) -> None:
    assert (
        refused("data:image/png;base64," + text) == f"Invalid file in '{PARAM}'. What follows 'base64,' is not base64."
    )


@pytest.mark.parametrize(("width", "height"), [(50_001, 1000), (32_768, 1), (1, 32_768), (2**32 - 1, 2**32 - 1)])
def test_an_image_that_would_fill_the_memory_is_refused_by_its_header(width: int, height: int) -> None:
    assert "megapixels" in refused(data_url(png_header(width, height), "png"))


def test_a_gif_counts_by_its_first_picture_where_that_is_larger_than_its_screen() -> None:
    data = bytearray(REAL["gif"])
    place = data.index(b"\x2c\0\0\0\0")
    data[place + 5 : place + 9] = struct.pack("<HH", 60_000, 60_000)
    assert "megapixels" in refused(data_url(bytes(data), "gif"))


def test_bounds_are_inclusive_and_no_side_is_zero() -> None:
    assert check_image(data_url(png_header(10_000, 5_000), "png"), PARAM).width == 10_000
    refused(data_url(png_header(0, 1), "png"))


def test_a_damaged_header_is_noticed() -> None:
    data = bytearray(png_header(5, 7))
    data[19] ^= 1
    refused(data_url(bytes(data), "png"))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8" + b"\xff" * 14_000_000,
        b"\xff\xd8" + b"\xff\xe1\0\2" * 3_500_000,
        b"GIF89a" + bytes(7) + b"!\xfe" + b"\1x" * 7_000_000,
    ],
    ids=["filling bytes", "empty segments", "blocks of one byte"],
)
def test_a_header_without_an_end_costs_no_more_than_reading_the_base64(data: bytes) -> None:
    url = data_url(data, "jpeg")
    begun = time.process_time()
    refused(url)
    assert time.process_time() - begun < 0.5


@given(st.sampled_from(sorted(REAL)), st.data())
@settings(deadline=None, max_examples=200)
def test_any_damage_is_an_image_or_a_refusal_and_never_another_error(name: str, data: st.DataObject) -> None:
    image = bytearray(REAL[name][:700])
    for place in data.draw(st.lists(st.integers(0, len(image) - 1), max_size=8)):
        image[place] = data.draw(st.integers(0, 255))
    try:
        header = read_header(bytes(image[: data.draw(st.integers(0, len(image)))]))
    except UnreadableImageError:
        return
    assert header.width > 0
    assert header.height > 0


def test_a_jpeg_that_goes_over_its_pixels_again_and_again_is_refused() -> None:
    """Each scan costs a decoder all pixels once more, and a caller some 75 bytes: 222 KB kept one busy for 15 seconds."""
    data = encoded("JPEG", 64, 64, progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]

    def with_scans(more: int) -> str:
        return data_url(data[:-2] + last * more + b"\xff\xd9", "jpeg")

    assert check_image(with_scans(JPEG_SCANS_MAX - data.count(b"\xff\xda")), PARAM).kind == "jpeg"
    assert "scans" in refused(with_scans(JPEG_SCANS_MAX))


def test_the_picture_that_other_tests_send_is_one() -> None:
    assert check_image(PNG_URL, PARAM).width == 1
