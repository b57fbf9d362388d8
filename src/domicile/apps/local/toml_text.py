"""Writes a configuration as readable TOML. Each member's comment appears once, at the member's first use."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_INLINE_CHARACTERS_MAX = 60
_LINE_CHARACTERS_MAX = 110


def to_toml(document: Mapping[str, Any], *, head: str, comments: Mapping[str, str]) -> str:
    """Encode a document of strings, numbers, booleans, lists and tables. `comments`: by member name.

    Raises TypeError for any other value.
    """
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    lines += ["", *_table(document, (), dict(comments))]
    return "\n".join(lines).rstrip() + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...], comments: dict[str, str]) -> Iterator[str]:
    """Yield the lines of a table: its values first, then its inner tables, because TOML cannot return to a table."""
    inner = {key: value for key, value in table.items() if _is_table(value) or _is_table_list(value)}
    for key, value in table.items():
        if key not in inner:
            yield from _comment(key, comments)
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        inside = (*path, key)
        name = ".".join(_key(part) for part in inside)
        for item in value if isinstance(value, list) else [value]:
            yield ""
            yield from _comment(key, comments)
            yield f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
            yield from _table(item, inside, comments)


def _comment(key: str, comments: dict[str, str]) -> Iterator[str]:
    for line in comments.pop(key, "").splitlines():
        yield f"# {line}"


def _is_table(value: Any) -> bool:
    """Whether the value needs its own heading. A small table of plain values stays on one line."""
    if not isinstance(value, dict):
        return False
    is_plain = not any(isinstance(item, dict | list) for item in value.values())
    return not (is_plain and len(_value(value)) <= _INLINE_CHARACTERS_MAX)


def _is_table_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return _list([_value(item) for item in value])
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    raise TypeError(f"a configuration has no {type(value).__name__}")


def _list(items: list[str]) -> str:
    line = "[" + ", ".join(items) + "]"
    return line if len(line) <= _LINE_CHARACTERS_MAX else "[\n    " + ",\n    ".join(items) + ",\n]"


def _key(key: str) -> str:
    is_bare = key.isascii() and key.replace("-", "a").replace("_", "a").isalnum()
    return key if is_bare else _string(key)


def _string(text: str) -> str:
    # JSON's escapes are valid TOML, except that TOML also forbids DEL. `ensure_ascii=False` avoids JSON's surrogate pairs.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
