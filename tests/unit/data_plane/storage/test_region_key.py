"""The region's key: read from a file for its owner only, never quoted in an error."""

from pathlib import Path

import pytest

from domicile.data_plane.storage.region_key import HeldRegionKeys, new_key_line, parse_keys, read_key_file


def test_a_new_key_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "region-key"
    first, second = new_key_line(), new_key_line()
    file.write_text(f"{first}\n{second}\n")
    file.chmod(0o600)
    assert read_key_file(file) == parse_keys(first) + parse_keys(second)
    file.chmod(0o640)
    with pytest.raises(ValueError, match="chmod 600"):
        read_key_file(file)


@pytest.mark.parametrize("text", ["", "\n", "c2hvcnQ=", "no base64!", "A" * 43 + "= c2hvcnQ="])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes in base64") as caught:
        parse_keys(text)
    assert "c2hvcnQ" not in str(caught.value)


def test_there_is_a_key_and_it_has_its_length() -> None:
    for keys in ([], [b"short"], [bytes(32), b""]):
        with pytest.raises(ValueError, match="32 bytes"):
            HeldRegionKeys(keys)
