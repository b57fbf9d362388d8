"""The grammar of keys: a typing error, a reserved word and another installation's key are all told from the text alone."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.kernel import api_keys
from domicile.kernel.ids import BASE62, RESERVED_REGION_CODES

INSTALLATION = "inst_" + "a" * 24
KEY = api_keys.generate("eu", INSTALLATION).value


@pytest.mark.parametrize("realm", ["us", "eu", "admin", "a1", "abcdefg8"])
def test_a_new_key_names_its_realm(realm: str) -> None:
    key = api_keys.generate(realm, INSTALLATION).value
    assert key.startswith(f"sk-{realm}-1")
    assert len(key) == len(f"sk-{realm}-1") + 32 + 6
    parsed = api_keys.parse(key, INSTALLATION)
    assert parsed is not None
    assert (parsed.realm, parsed.secret) == (realm, key)


@pytest.mark.parametrize(
    "realm", [*sorted(RESERVED_REGION_CODES - {"admin"}), "e", "EU", "1eu", "toolongcode", "e-u", "", "eü"]
)
def test_no_key_is_made_for_what_is_no_region(realm: str) -> None:
    with pytest.raises(ValueError, match="region"):
        api_keys.generate(realm, INSTALLATION)


@pytest.mark.contract("C14")
@pytest.mark.parametrize("realm", sorted(RESERVED_REGION_CODES - {"admin"}))
def test_a_reserved_word_is_no_region_even_with_a_right_checksum(realm: str) -> None:
    body = f"sk-{realm}-1{'x' * 32}"
    assert api_keys.parse(body + api_keys.checksum(body, INSTALLATION), INSTALLATION) is None


def test_keys_differ() -> None:
    assert len({api_keys.generate("us", INSTALLATION).value for _ in range(100)}) == 100


@given(st.integers(0, len(KEY) - 1), st.sampled_from(BASE62 + "-_ \n"))
def test_any_single_wrong_character_is_noticed(position: int, character: str) -> None:
    wrong = KEY[:position] + character + KEY[position + 1 :]
    assert (api_keys.parse(wrong, INSTALLATION) is not None) == (wrong == KEY)


@given(st.integers(0, len(KEY) - 2))
def test_two_swapped_characters_are_noticed(position: int) -> None:
    wrong = KEY[:position] + KEY[position + 1] + KEY[position] + KEY[position + 2 :]
    assert (api_keys.parse(wrong, INSTALLATION) is not None) == (wrong == KEY)


# Named by number: the key is a new one in each process, and the workers of a parallel run must agree on the tests' names.
@pytest.mark.parametrize(
    "text", ["", "sk-", KEY + "\n", " " + KEY, KEY[:-1], KEY + "a", KEY.upper(), KEY.replace("-1", "-2")], ids=range(8)
)
def test_other_shapes_are_no_keys(text: str) -> None:
    assert api_keys.parse(text, INSTALLATION) is None


@given(st.text())
def test_any_text_is_parsed_without_an_error(text: str) -> None:
    assert api_keys.parse(text, INSTALLATION) is None


def test_another_installation_s_key_is_none_here() -> None:
    assert api_keys.parse(KEY, "inst_" + "b" * 24) is None


def test_a_key_is_stored_as_its_sha256_and_shown_only_in_part() -> None:
    secret = api_keys.generate("eu", INSTALLATION)
    assert secret.sha256 == api_keys.sha256(secret.value) == hashlib.sha256(secret.value.encode()).digest()
    assert secret.last_four == secret.value[-4:]
    assert api_keys.redacted("eu", secret.last_four) == f"sk-eu-...{secret.value[-4:]}"
    for shown in (secret, api_keys.parse(secret.value, INSTALLATION)):
        assert secret.value not in repr(shown)
