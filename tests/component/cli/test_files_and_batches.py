"""`domicile files` and `domicile batches`: with the project's key, at its region."""

import os
from pathlib import Path
from typing import Any

import pytest

from domicile.cli import batches
from domicile.web.bodies.form_parser import read_form
from tests.component.cli.conftest import Domicile, Stub

KEY = "sk-eu-1project"
FILE = {"id": "file-1", "object": "file", "filename": "in.jsonl", "purpose": "batch", "bytes": 3, "created_at": 0}
REGION = ("--region", "eu")


def batch(status: str, **members: Any) -> dict[str, Any]:
    counts = {"total": 4, "completed": 2, "failed": 1}
    return {"id": "batch_1", "status": status, "endpoint": "/v1/embeddings", "request_counts": counts, **members}


@pytest.fixture(autouse=True)
def _key(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOMICILE_API_KEY", KEY)
    monkeypatch.setattr(batches, "_POLL_S", 0.0)


def test_a_file_is_sent_as_a_form(domicile: Domicile, stub: Stub, data: Path) -> None:
    content = os.urandom(600_000)
    file = data / 'a "name".jsonl'
    file.write_bytes(content)
    stub.answer("POST", "/v1/files", FILE)
    sent = domicile("files", "upload", str(file), "--purpose", "batch", "--expires-after", "3600", *REGION, "--quiet")
    assert sent.out == "file-1\n"
    [call] = stub.calls
    boundary = call.body[2 : call.body.index(b"\r\n")].decode()
    form = read_form(call.body, f"multipart/form-data; boundary={boundary}", files=frozenset({"file"}))
    assert form.files == {"file": content}
    assert form.fields == {
        "purpose": ["batch"],
        "expires_after[anchor]": ["created_at"],
        "expires_after[seconds]": ["3600"],
    }
    assert b'filename="a %22name%22.jsonl"' in call.body
    assert call.key == KEY


def test_a_file_that_is_not_there_is_said_so(domicile: Domicile, stub: Stub) -> None:
    refused = domicile("files", "upload", "nowhere.jsonl", "--purpose", "batch", *REGION)
    assert (refused.status, stub.calls) == (1, [])
    assert "cannot read nowhere.jsonl: No such file" in refused.err


def test_content_is_written_whole_and_over_nothing(domicile: Domicile, stub: Stub, data: Path) -> None:
    content = os.urandom(600_000)
    stub.answer("GET", "/v1/files/file-1/content", content)
    target = data / "out"
    assert "600000 bytes" in domicile("files", "download", "file-1", str(target), *REGION).err
    assert target.read_bytes() == content
    assert target.stat().st_mode & 0o777 == 0o600
    again = domicile("files", "download", "file-1", str(target), *REGION)
    assert (again.status, len(stub.calls)) == (1, 1)


def test_a_refused_download_leaves_no_file(domicile: Domicile, stub: Stub, data: Path) -> None:
    error = {"error": {"code": "not_found", "message": "No such File object.", "type": "invalid_request_error"}}
    stub.answer("GET", "/v1/files/file-1/content", error, status=404)
    before = sorted(data.iterdir())
    refused = domicile("files", "download", "file-1", str(data / "out"), *REGION)
    assert "No such File object. (not_found, HTTP 404)" in refused.err
    assert sorted(data.iterdir()) == before


def test_files_are_listed_page_by_page_and_deleted(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", "/v1/files", {"data": [FILE], "has_more": True, "last_id": "file-1"})
    stub.answer("GET", "/v1/files", {"data": [{**FILE, "id": "file-2"}], "has_more": False})
    shown = domicile("files", "list", "--purpose", "batch", *REGION).out
    assert "file-1" in shown
    assert "file-2" in shown
    assert [call.query.get("after") for call in stub.calls] == [None, "file-1"]
    stub.answer("DELETE", "/v1/files/file-1", {"id": "file-1", "deleted": True})
    assert domicile("files", "delete", "file-1", *REGION).status == 0


def test_a_batch_is_started_and_watched_to_its_end(domicile: Domicile, stub: Stub) -> None:
    stub.answer("POST", "/v1/batches", batch("validating"))
    made = domicile("batches", "create", "file-1", "--endpoint", "/v1/embeddings", *REGION, "--quiet")
    assert made.out == "batch_1\n"
    assert stub.calls[0].body == {
        "input_file_id": "file-1",
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
    }
    for status in ("validating", "in_progress", "finalizing", "completed"):
        stub.answer("GET", "/v1/batches/batch_1", batch(status))
    watched = domicile("batches", "watch", "batch_1", *REGION)
    assert watched.status == 0
    assert "2 of 4, 1 failed" in watched.out


def test_a_batch_that_failed_says_why_and_fails_the_command(domicile: Domicile, stub: Stub) -> None:
    errors = {"data": [{"code": "invalid_json_line", "line": 17, "message": "It is not JSON.", "param": None}]}
    stub.answer("GET", "/v1/batches/batch_1", batch("failed", errors=errors))
    watched = domicile("batches", "watch", "batch_1", *REGION)
    assert watched.status == 1
    assert "line 17: It is not JSON." in watched.out


def test_the_output_and_the_errors_are_fetched(domicile: Domicile, stub: Stub, data: Path) -> None:
    for _ in range(2):
        stub.answer("GET", "/v1/batches/batch_1", batch("completed", output_file_id="file-2", error_file_id=None))
    stub.answer("GET", "/v1/files/file-2/content", b"{}\n")
    assert domicile("batches", "download", "batch_1", str(data / "out"), *REGION).status == 0
    assert (data / "out").read_bytes() == b"{}\n"
    none = domicile("batches", "download", "batch_1", str(data / "errors"), "--errors", *REGION)
    assert (none.status, "no error file" in none.err) == (1, True)


def test_a_batch_is_cancelled_and_shown(domicile: Domicile, stub: Stub) -> None:
    stub.answer("POST", "/v1/batches/batch_1/cancel", batch("cancelling"))
    stub.answer("GET", "/v1/batches/batch_1", batch("cancelled"))
    stub.answer("GET", "/v1/batches", {"data": [batch("cancelled")], "has_more": False})
    assert "cancelling" in domicile("batches", "cancel", "batch_1", *REGION).out
    assert "cancelled" in domicile("batches", "get", "batch_1", *REGION).out
    assert "cancelled" in domicile("batches", "list", *REGION).out
