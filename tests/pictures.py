"""Pictures that tests send."""

import base64
import io

from PIL import Image

_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PNG_URL = f"data:image/png;base64,{_PNG}"
"""One pixel."""


def encoded(kind: str, width: int = 3, height: int = 2, **options: object) -> bytes:
    """A picture as Pillow writes it; `kind` is one of its formats."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 90)).save(file, kind, **options)
    return file.getvalue()


def data_url(data: bytes, claimed: str) -> str:
    """A data URL that claims to be `image/<claimed>`."""
    return f"data:image/{claimed};base64,{base64.b64encode(data).decode()}"
