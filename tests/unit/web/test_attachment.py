"""Names of files in a header: any name makes one header of printable ASCII, and no path."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.web.attachment import attachment


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("data.jsonl", 'attachment; filename="data.jsonl"'),
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ("größe.txt", "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt"),
        ('a"b', "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b"),
        ("../../etc/passwd", 'attachment; filename=".._.._etc_passwd"'),
        ("50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
    ],
)
def test_a_name(name: str, header: str) -> None:
    assert attachment(name) == header


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=255))
def test_any_name(name: str) -> None:
    header = attachment(name)
    found = re.fullmatch(r'attachment; filename="([ -~]*)"(?:; filename\*=UTF-8\'\'([!-~]*))?', header)
    assert found is not None
    plain, extended = found.groups()
    assert not set(plain) & set('"\\/')
    assert (plain if extended is None else unquote(extended)) == name.replace("/", "_").replace("\\", "_")
