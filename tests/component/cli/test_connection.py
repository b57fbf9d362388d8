"""Where keys come from, where they go, and what is said when something is missing or refused."""

import ssl
from pathlib import Path

import pytest

from tests.component.cli.conftest import ADMIN_KEY, Domicile, Stub, serving_stub
from tests.platform.certificates import Issuer

PROJECTS = "/v1/organization/projects"
NOTHING = {"data": [], "has_more": False}


def test_a_refusal_is_the_platforms_message_and_code(domicile: Domicile, stub: Stub) -> None:
    error = {"error": {"message": "No such project: 'proj_1'.", "code": "not_found", "type": "x", "param": None}}
    stub.answer("GET", f"{PROJECTS}/proj_1", error, 404)
    refused = domicile("projects", "get", "proj_1")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == "domicile: No such project: 'proj_1'. (not_found, HTTP 404)\n"


def test_nobody_there(domicile: Domicile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOMICILE_CONTROL_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("DOMICILE_ADMIN_KEY", "k")
    refused = domicile("projects", "list", connected=False)
    assert refused.status == 1
    assert "cannot reach http://127.0.0.1:1" in refused.err
    assert "Connection refused" in refused.err


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (502, b"bad gateway"), (200, {"hello": 1}), (200, [1]), (500, {"error": "x"})],
)
def test_a_stranger_at_the_url(domicile: Domicile, stub: Stub, status: int, body: object) -> None:
    stub.answer("GET", PROJECTS, body, status)
    refused = domicile("projects", "list")
    assert refused.status == 1
    assert f"{stub.url} answered {status}, but not like a Domicile server. Is the URL right?" in refused.err


def test_a_redirect_is_not_followed_with_the_key(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", PROJECTS, {}, 302)
    assert domicile("projects", "list").status == 1
    assert [call.path for call in stub.calls] == [PROJECTS]


def test_a_proxy_of_the_environment_never_sees_the_key(
    domicile: Domicile, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    stub.answer("GET", PROJECTS, NOTHING)
    assert domicile("projects", "list").status == 0


def test_over_tls_the_key_goes_to_whom_the_named_roots_know(
    domicile: Domicile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer, stranger = Issuer(tmp_path / "tls"), Issuer(tmp_path / "stranger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issuer.certificate_file, issuer.key_file)
    monkeypatch.setenv("DOMICILE_ADMIN_KEY", ADMIN_KEY)
    with serving_stub(context) as stub:
        monkeypatch.setenv("DOMICILE_CONTROL_URL", stub.url)
        stub.answer("GET", PROJECTS, NOTHING)
        for file in (None, stranger.ca_file):
            monkeypatch.setenv("DOMICILE_CA_FILE", str(file or ""))
            refused = domicile("projects", "list", connected=False)
            assert refused.status == 1 and "CERTIFICATE_VERIFY_FAILED" in refused.err
        assert stub.calls == []
        monkeypatch.setenv("DOMICILE_CA_FILE", str(issuer.ca_file))
        assert domicile("projects", "list", connected=False).status == 0
        monkeypatch.setenv("DOMICILE_CA_FILE", str(tmp_path / "none.pem"))
        assert "cannot be read as certificates" in domicile("projects", "list", connected=False).err


def test_the_environment_names_url_and_key(domicile: Domicile, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOMICILE_CONTROL_URL", stub.url)
    monkeypatch.setenv("DOMICILE_ADMIN_KEY", "sk-admin-1other")
    stub.answer("GET", PROJECTS, NOTHING)
    assert domicile("projects", "list", connected=False).status == 0
    assert stub.calls[0].key == "sk-admin-1other"


def test_the_environment_names_a_file_with_the_key(
    domicile: Domicile, stub: Stub, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOMICILE_CONTROL_URL", stub.url)
    monkeypatch.setenv("DOMICILE_ADMIN_KEY_FILE", str(data / "admin-key"))
    stub.answer("GET", PROJECTS, NOTHING)
    assert domicile("projects", "list", connected=False).status == 0
    assert stub.calls[0].key == ADMIN_KEY


def test_a_folder_that_is_named_wins_over_the_environment(
    domicile: Domicile, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOMICILE_CONTROL_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("DOMICILE_ADMIN_KEY", "sk-admin-1other")
    stub.answer("GET", PROJECTS, NOTHING)
    assert domicile("projects", "list").status == 0
    assert stub.calls[0].key == ADMIN_KEY


def test_without_anything_it_is_the_folder_that_up_uses(domicile: Domicile, stub: Stub, data: Path) -> None:
    (data / "here" / ".domicile").symlink_to(data)
    stub.answer("GET", PROJECTS, NOTHING)
    assert domicile("projects", "list", connected=False).status == 0


def test_nothing_at_all_says_what_there_could_be(domicile: Domicile) -> None:
    refused = domicile("projects", "list", connected=False)
    assert refused.status == 1
    for way in ("domicile up", "--data", "DOMICILE_CONTROL_URL"):
        assert way in refused.err


def test_a_missing_key_says_where_to_put_it(domicile: Domicile, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOMICILE_CONTROL_URL", stub.url)
    refused = domicile("projects", "list", connected=False)
    assert refused.status == 1
    assert "DOMICILE_ADMIN_KEY_FILE" in refused.err
    assert "DOMICILE_API_KEY" in domicile("models", "--region", "eu").err
    assert not stub.calls


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "is empty"), (b"\xff", "it is not a key"), (None, "No such file")]
)
def test_a_key_file_that_is_none(domicile: Domicile, data: Path, content: bytes | None, reason: str) -> None:
    (data / "admin-key").unlink()
    if content is not None:
        (data / "admin-key").write_bytes(content)
    refused = domicile("projects", "list")
    assert refused.status == 1
    assert reason in refused.err


def test_a_damaged_endpoints_file(domicile: Domicile, data: Path) -> None:
    (data / "endpoints.json").write_text("{}")
    assert "damaged" in domicile("projects", "list").err


@pytest.mark.parametrize("url", ["ftp://x", "nonsense", "http://"])
def test_a_url_that_is_none(domicile: Domicile, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DOMICILE_CONTROL_URL", url)
    monkeypatch.setenv("DOMICILE_ADMIN_KEY", "k")
    assert f"'{url}' is not an http or https URL" in domicile("projects", "list", connected=False).err


def test_an_unknown_command_is_a_usage_error(domicile: Domicile) -> None:
    assert domicile("frobnicate", connected=False).status == 2
