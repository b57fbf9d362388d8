"""The process: it starts from a file, prints and logs no secret but the one it must, and stops soon."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from domicile.boundary import protocol
from tests.component.control_plane.region_double import RegionDouble

CONFIGURATION = """
home = "us"
default_region = "us"

[control]
listen = {{ port = {admin} }}
boundary = {{ listen = {{ port = {boundary} }}, url = "http://127.0.0.1:{boundary}" }}
country = "US"
data = "control"
operator.key_file = "operator.key"

[[regions]]
code = "us"
residency = "US_STORAGE_PROCESSING"
geography = "US"
countries = ["US"]
public_url = "https://us.domicile.example"
listen = {{ port = 0 }}
data = "us"
"""


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def _running(folder: Path, *options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, str]]:
    admin, boundary = _free_port(), _free_port()
    (folder / "domicile.toml").write_text(CONFIGURATION.format(admin=admin, boundary=boundary))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "domicile.apps.control",
        "--config",
        str(folder / "domicile.toml"),
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            while b'"started"' not in (line := await process.stderr.readline()):
                assert line, "the process has ended"
        yield process, f"http://127.0.0.1:{admin}", f"http://127.0.0.1:{boundary}"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_sigterm_ends_it_within_three_seconds_with_a_poll_pending(tmp_path: Path) -> None:
    async with _running(tmp_path) as (process, admin, boundary), aiohttp.ClientSession() as session:
        async with session.get(f"{admin}/healthz") as response:
            assert response.status == 200
        headers = {"authorization": f"Bearer {(tmp_path / 'operator.key').read_text().strip()}"}
        async with session.post(f"{admin}/operator/v1/regions/us/enrollment_tokens", headers=headers) as response:
            token = (await response.json())["token"]
        async with RegionDouble("us", boundary) as us:
            assert (await us.enroll(token)).status == 200
            held = msgspec.json.encode((await us.current()).query)
            poll = asyncio.create_task(us.call("POST", protocol.SNAPSHOT, held))
            await _until_heard(session, admin, headers)
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert (await poll).status == 204
            out, errors = await process.communicate()
            assert time.monotonic() - started < 30
    assert process.returncode == 0
    (line,) = out.decode().splitlines()
    assert "sk-admin-1" in line
    assert b"sk-admin-" not in errors
    assert b"Traceback" not in errors


async def _until_heard(session: aiohttp.ClientSession, admin: str, headers: dict[str, str]) -> None:
    async with asyncio.timeout(10):
        while True:
            async with session.get(f"{admin}/operator/v1/regions", headers=headers) as response:
                if any(replica["number"] for replica in (await response.json())["data"][0]["replicas"]):
                    return


async def test_it_follows_its_parent(tmp_path: Path) -> None:
    async with _running(tmp_path, "--follow-parent", "--log-level", "info") as (process, _, _):
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(30):
            await process.wait()
    assert process.returncode == 0


async def test_a_wrong_configuration_ends_it_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "domicile.toml"
    file.write_text("home = 3")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "domicile.apps.control", "--config", str(file)), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert "home: Input should be a valid string" in errors.decode()
    assert "Traceback" not in errors.decode()
