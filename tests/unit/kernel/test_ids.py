"""Identifiers: a new one matches its pattern, and nothing that could carry text does."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.kernel import ids

PATTERNS = [
    ("inst_", ids.InstallationId),
    ("org-", ids.OrganizationId),
    ("proj_", ids.ProjectId),
    ("key_", ids.KeyId),
    ("rep_", ids.ReplicaId),
    ("wr_", ids.WriterId),
    ("audit_log-", ids.EventId),
    ("ftm_", ids.FineTunedModelId),
]


@pytest.mark.parametrize(("prefix", "type_"), PATTERNS)
def test_a_new_id_matches_its_pattern(prefix: str, type_: Any) -> None:
    made = ids.new_id(prefix)
    assert msgspec.convert(made, type_) == made
    assert ids.new_id(prefix) != made


@pytest.mark.parametrize("length", [0, 1, 24, 32, 1000])
def test_random_text_is_as_long_as_it_is_asked_for(length: int) -> None:
    text = ids.random_base62(length)
    assert len(text) == length
    assert set(text) <= set(ids.BASE62)


def test_every_character_is_equally_likely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all 256 bytes, each character stands for four, and those that are left over are dropped."""
    every_byte = bytes(range(256))
    monkeypatch.setattr("os.urandom", lambda _count: every_byte)
    assert Counter(ids.random_base62(248)) == dict.fromkeys(ids.BASE62, 4)


@pytest.mark.contract("C07")
@pytest.mark.parametrize(("prefix", "type_"), PATTERNS)
@pytest.mark.parametrize("damage", ["{0}\n", "{0} text", "x{0}", "{0}a", "{0:.20}", "{0:.20}    ", ""])
def test_text_is_no_id(prefix: str, type_: Any, damage: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(damage.format(ids.new_id(prefix)), type_)


@pytest.mark.parametrize("code", ["us", "eu", "eu2", "abcdefg8"])
def test_region_codes(code: str) -> None:
    assert ids.is_region_code(code)
    assert msgspec.convert(code, ids.RegionCode) == code


@pytest.mark.parametrize(
    "code", ["", "e", "toolongcode", "EU", "1u", "e_u", "eu\n", "eü", "e٣", *sorted(ids.RESERVED_REGION_CODES)]
)
def test_what_is_no_region_code(code: str) -> None:
    assert not ids.is_region_code(code)


@given(st.integers(min_value=0, max_value=62**8 - 1))
def test_an_ordered_id_says_when_it_was_made(now_ms: int) -> None:
    made = ids.new_ordered_id("file-", now_ms)
    assert len(made) == len(ids.new_id("file-"))
    assert ids.made_at_ms("file-", made) == now_ms
    assert ids.new_ordered_id("file-", now_ms) != made


@pytest.mark.parametrize(
    "text", ["", "file-", "file-" + "0" * 23, "file-" + "0" * 25, "part_" + "0" * 24, "file-" + "ü" * 24]
)
def test_other_texts_say_no_time(text: str) -> None:
    assert ids.made_at_ms("file-", text) is None
