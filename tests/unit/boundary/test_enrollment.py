"""Enrollment tokens: one line that survives the way from one terminal to another, or says that it did not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.boundary.enrollment import EnrollmentToken, decode_token, encode_token

TOKEN = EnrollmentToken("inst_" + "a" * 24, "eu", bytes(range(32)), 1, bytes(32))
TEXT = encode_token(TOKEN)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_token_arrives_as_it_left(key: bytes, secret: bytes) -> None:
    token = EnrollmentToken("inst_" + "a" * 24, "eu", key, 1, secret)
    text = encode_token(token)
    assert decode_token(text) == token
    assert text.isascii()
    assert text.split() == [text]


@given(st.integers(0, len(TEXT) - 1))
def test_a_cut_token_is_damaged(length: int) -> None:
    with pytest.raises(ValueError, match="token"):
        decode_token(TEXT[:length])


@given(st.integers(0, len(TEXT) - 1), st.sampled_from("AZaz09-_!\n ü"))
def test_a_changed_token_is_another_or_damaged_but_never_a_crash(position: int, character: str) -> None:
    changed = TEXT[:position] + character + TEXT[position + 1 :]
    try:
        token = decode_token(changed)
    except ValueError as error:
        assert "token" in str(error)
    else:
        assert changed == TEXT or token != TOKEN


@given(st.text())
def test_any_text_is_refused_without_a_crash(text: str) -> None:
    with pytest.raises(ValueError, match="token"):
        decode_token(text)
    with pytest.raises(ValueError, match="token"):
        decode_token("domicile-enroll-2" + text)


def test_what_is_wrong_with_a_token_does_not_show_it() -> None:
    with pytest.raises(ValueError, match="damaged") as caught:
        decode_token(TEXT[:-4])
    assert TEXT[20:40] not in str(caught.value)
