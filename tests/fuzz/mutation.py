"""Bodies that were valid once: JSON as text, so that what no encoder writes can be written."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

# In every body: whatever is answered, no log may hold it.
CANARY = "canary-7f3a91c2e5"

LONG_TEXT = '"' + "a" * 70_000 + '"'


def deep(levels: int, inside: str = "0") -> str:
    """Lists in lists."""
    return "[" * levels + inside + "]" * levels


# Values as they are written, each wrong in nearly every place.
VALUES: Sequence[str] = (
    *("null", "true", "false", "0", "-1", "-0", "1.5", "1e400", "-1e400", "1e-400", "NaN", "Infinity", "-Infinity"),
    *("9223372036854775807", "9223372036854775808", "9" * 5000, "1" + "0" * 400 + ".5", "01", "+1", ".5", "0x10"),
    *('""', '" "', '"\\u0000"', '"\\u0000\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\u202e"'),
    *('"\\uFEFF"', '"\\x"', '"\\u12"', '"unterminated', '"a\nb"', '"\x00"', '"../../etc/passwd"', '"{{7*7}}"'),
    *('"\'; DROP TABLE project; --"', '"%s%n%x"', LONG_TEXT, "[]", "{}", "[null]", '{"": ""}', '{"__proto__": {}}'),
    *('{"a": 1, "a": 2}', '{"type": "text"}', '{"$ref": "#"}', "[[],[]]", deep(62), deep(64), deep(70), deep(20_000)),
    *('{"a":' * 5_000 + "0" + "}" * 5_000, "[" * 30_000, "]", "}", ",", "", "undefined", "/* */ 1", "'a'"),
    *(f'"{CANARY}"', f'["{CANARY}"]', f'{{"{CANARY}": "{CANARY}"}}', f'{{"{CANARY}": 1, "{CANARY}": 1}}'),
)
NAMES: Sequence[str] = ("", "x", "model", "name", "__class__", "constructor", "\\u0000", "\\ud800", "a" * 300, CANARY)
ENCODINGS: Sequence[str] = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7", "latin-1")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a value."""
    found = [path]
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        found += places(inner, (*path, key))
    return found


@st.composite
def texts(draw: st.DrawFn, valid: dict[str, Any]) -> str:
    """The valid body with one to three things done to it."""
    chosen = draw(st.lists(st.sampled_from(places(valid)), min_size=1, max_size=3, unique=True))
    changes = {place: draw(_changes()) for place in chosen}
    return _write(valid, (), changes)


def _changes() -> st.SearchStrategy[tuple[str, str]]:
    values = st.sampled_from(VALUES)
    names = st.sampled_from(NAMES)
    numbers = st.one_of(st.integers().map(str), st.floats().map(repr))
    strings = st.text(max_size=50).map(json.dumps)
    return st.one_of(
        st.tuples(st.just("replace"), st.one_of(values, numbers, strings)),
        st.tuples(st.just("drop"), st.just("")),
        st.tuples(st.just("twice"), values),
        st.tuples(st.just("add"), st.tuples(names, values).map(lambda pair: f'"{pair[0]}": {pair[1]}')),
        st.tuples(st.just("wrap"), st.sampled_from(["[{}]", '{{"x": {}}}', "[" * 63 + "{}" + "]" * 63])),
    )


def _write(value: Any, path: tuple[Any, ...], changes: dict[tuple[Any, ...], tuple[str, str]]) -> str:
    kind, text = changes.get(path, ("", ""))
    if kind == "replace":
        return text
    if isinstance(value, dict):
        parts = []
        for name, inner in value.items():
            inner_kind, inner_text = changes.get((*path, name), ("", ""))
            if inner_kind == "drop":
                continue
            parts.append(f"{json.dumps(name)}: {_write(inner, (*path, name), changes)}")
            if inner_kind == "twice":
                parts.append(f"{json.dumps(name)}: {inner_text}")
        if kind == "add":
            parts.append(text)
        written = "{" + ", ".join(parts) + "}"
    elif isinstance(value, list):
        kept = [
            _write(inner, (*path, index), changes)
            for index, inner in enumerate(value)
            if changes.get((*path, index), ("", ""))[0] != "drop"
        ]
        written = "[" + ", ".join(kept) + "]"
    else:
        written = json.dumps(value)
    return text.format(written) if kind == "wrap" else written


@st.composite
def bodies(draw: st.DrawFn, valid: dict[str, Any]) -> bytes:
    """Bytes: mostly UTF-8 JSON of a changed body, sometimes in another encoding, damaged, or no JSON at all."""
    text = draw(texts(valid))
    kind = draw(st.sampled_from(["plain"] * 6 + ["encoding", "cut", "flip", "behind", "raw"]))
    if kind == "raw":
        return CANARY.encode() + draw(st.binary(max_size=200))
    data = text.encode("utf-8", "surrogatepass")
    if kind == "encoding":
        return text.encode(draw(st.sampled_from(ENCODINGS)), "replace")
    if kind == "cut":
        return data[: draw(st.integers(0, len(data)))]
    if kind == "flip" and data:
        at = draw(st.integers(0, len(data) - 1))
        return data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at + 1 :]
    return data + draw(st.sampled_from([b"{}", b"\0", b"\xff\xfe", b" " * 1000, b"\n"])) if kind == "behind" else data
