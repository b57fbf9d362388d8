"""The `Content-Disposition` header of an answer that browsers are to save, never to show (RFC 6266)."""

from urllib.parse import quote

_NOT_QUOTABLE = frozenset('"\\/%')
# RFC 8187 3.2.1: attr-char, beside letters and digits.
_ATTRIBUTE_CHARACTERS = "!#$&+-.^_`|~"


def attachment(name: str) -> str:
    """The header for a file of this name. A name is no path, so its slashes become underscores."""
    plain = name.replace("/", "_").replace("\\", "_")
    ascii_name = "".join(
        character if " " <= character <= "~" and character not in _NOT_QUOTABLE else "_" for character in plain
    )
    value = f'attachment; filename="{ascii_name}"'
    return value if ascii_name == plain else f"{value}; filename*=UTF-8''{quote(plain, safe=_ATTRIBUTE_CHARACTERS)}"
