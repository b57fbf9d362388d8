"""An engine's key: sent from its file, replaced without a restart, quoted nowhere."""

from pathlib import Path

import pytest

from domicile.data_plane.engines.credential import EngineKeyError, KeyFile, credential_of
from domicile.kernel.secret_files import write_secret
from tests.component.data_plane.region_under_test import region_under_test, stub_engine
from tests.unit.data_plane.region_parts import engine_settings


def test_the_next_request_has_the_key_that_the_file_holds_then(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first\n")
    key = KeyFile(file)
    assert key.key() == "first"
    write_secret(file, b"second\n")
    assert key.key() == "second"
    for damage in (b"", b"two words", b"two\nlines", b"\xff\xfe"):
        write_secret(file, damage)
        assert key.key() == "second", damage
    file.unlink()
    assert key.key() == "second"
    write_secret(file, b"third")
    assert key.key() == "third"


@pytest.mark.parametrize("content", [b"", b" \n", b"secret\nsecret", b"secr\x7fet", "sécret".encode()])
def test_a_start_without_a_key_is_refused_without_quoting_anything(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(EngineKeyError) as raised:
        KeyFile(file)
    assert str(raised.value) == f"{file} must hold one key on one line"


def test_a_key_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_KEY", " from-the-environment\n")
    credential = credential_of(engine_settings(api_key_env="ENGINE_KEY"))
    assert credential is not None
    assert credential.key() == "from-the-environment"
    assert credential_of(engine_settings()) is None
    for absent in ("", "two words"):
        monkeypatch.setenv("ENGINE_KEY", absent)
        with pytest.raises(EngineKeyError) as raised:
            credential_of(engine_settings(api_key_env="ENGINE_KEY"))
        assert str(raised.value) == "the environment variable ENGINE_KEY must hold one key on one line"


async def test_it_is_what_the_engine_sees_and_a_callers_key_is_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key"
    file.write_text("first-engine-key")
    with stub_engine(tmp_path, "one") as stub:
        engine = engine_settings("one", socket=stub.socket, api_key_file=file)
        async with region_under_test(tmp_path, [engine]) as region:
            assert (await region.chat("hello")).status_code == 200
            write_secret(file, b"second-engine-key")
            assert (await region.chat("hello")).status_code == 200
        seen = [request["headers"]["authorization"] for request in stub.received]
    assert seen == ["Bearer first-engine-key", "Bearer second-engine-key"]
    told = capfd.readouterr()
    assert "engine-key" not in told.out + told.err
