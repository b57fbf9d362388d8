"""Base64 of any size, decoded in slices."""

import binascii

# Characters; a multiple of four. One call of `binascii` holds the interpreter's lock until it ends, in any thread: 40 MB would
# stop the event loop for a tenth of a second.
_SLICE = 256 * 1024


def decode_base64(text: str) -> bytes:
    """The bytes of padded base64 (RFC 4648, 4). Raises ValueError for anything else."""
    if len(text) <= _SLICE:
        return binascii.a2b_base64(text, strict_mode=True)
    return b"".join(_decode_slice(text, start) for start in range(0, len(text), _SLICE))


def _decode_slice(text: str, start: int) -> bytes:
    data = binascii.a2b_base64(text[start : start + _SLICE], strict_mode=True)
    is_last = start + _SLICE >= len(text)
    if not is_last and len(data) != _SLICE // 4 * 3:
        raise ValueError("padding before the end")
    return data
