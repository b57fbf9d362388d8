"""Base64 in slices is read exactly as `binascii` reads it whole."""

import base64
import binascii
import random
from collections.abc import Callable

import pytest

from domicile.kernel.base64_text import decode_base64

SLICE = 256 * 1024
BYTES_OF_A_SLICE = SLICE // 4 * 3


@pytest.mark.parametrize("size", [0, 1, 2, 3, BYTES_OF_A_SLICE - 1, BYTES_OF_A_SLICE, BYTES_OF_A_SLICE + 1, 700_001])
def test_any_size_is_decoded(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert decode_base64(base64.b64encode(data).decode()) == data


@pytest.mark.parametrize("place", [0, 3, SLICE - 2, SLICE - 1, SLICE, SLICE + 1, 2 * SLICE - 1, -5, -1])
@pytest.mark.parametrize("letter", ["=", " ", "\n", "-", "é", ""])
def test_what_binascii_refuses_whole_is_refused_in_slices(place: int, letter: str) -> None:
    text = base64.b64encode(bytes(2 * BYTES_OF_A_SLICE + 6)).decode()
    index = place % len(text)
    damaged = text[:index] + letter + text[index + 1 :]
    refused = outcome(lambda text: binascii.a2b_base64(text, strict_mode=True), damaged)
    assert outcome(decode_base64, damaged) == refused
    # The last letter may be padding.
    assert refused is None or (place, letter) == (-1, "=")


def outcome(decode: Callable[[str], bytes], text: str) -> bytes | None:
    try:
        return decode(text)
    except ValueError:
        return None


def test_a_padded_slice_before_the_end_is_refused() -> None:
    """Each slice alone would be right."""
    one = base64.b64encode(bytes(BYTES_OF_A_SLICE - 1)).decode()
    assert len(one) == SLICE
    with pytest.raises(ValueError):
        decode_base64(one + one)
