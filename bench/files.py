"""What sealing costs a large file: in and out of a region, and of a server that does the same and seals nothing.

Both are processes with the same listener, form reader and store, a local folder; they take turns.
"""

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from tests.platform.installation import Installation
from tests.platform.processes import Process, eventually, free_ports

from bench.memory import peak

MIB = 1024 * 1024
SIZE_MIB = 512
ROUNDS = 5
HEAD = (
    b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
)
TYPE = {"content-type": "multipart/form-data; boundary=b"}


def large_files(folder: Path) -> None:
    """Prints medians of both, and how much the region's memory has grown. `folder` is empty."""
    print(f"\nA file of {SIZE_MIB} MiB, in and out, in MiB a second")
    installation, block = Installation(folder / "installation", log_level="warning"), os.urandom(MIB)
    try:
        installation.start()
        headers = {"authorization": f"Bearer {installation.new_key('eu').secret}"}
        pid = installation.processes["region-eu"].pid
        with (
            httpx2.Client(base_url=installation.region_url("eu"), headers=headers, timeout=300) as region,
            _plain_server(folder) as plain,
            peak(pid) as memory,
        ):
            rounds = [(*_in_and_out(region, block), *_in_and_out(plain, block)) for _ in range(ROUNDS)]
            put, read, plain_put, plain_read = (statistics.median(figures) for figures in zip(*rounds, strict=True))
            print(f"in   region {put:6.0f}   unsealed {plain_put:6.0f}   {put / plain_put:4.0%}")
            print(f"out  region {read:6.0f}   unsealed {plain_read:6.0f}   {read / plain_read:4.0%}")
            print(f"memory of the region grew by at most {memory.grown_bytes() / MIB:.0f} MiB")
    finally:
        installation.stop()


def _in_and_out(server: httpx2.Client, block: bytes) -> tuple[float, float]:
    def form() -> Iterator[bytes]:
        yield HEAD
        for _ in range(SIZE_MIB):
            yield block
        yield b"\r\n--b--\r\n"

    began = time.perf_counter()
    answer = server.post("/v1/files", content=form(), headers=TYPE).raise_for_status()
    stored = time.perf_counter()
    path = f"/v1/files/{answer.json()['id']}"
    with server.stream("GET", f"{path}/content") as content:
        size = sum(len(piece) for piece in content.iter_raw())
    read = time.perf_counter()
    if size != SIZE_MIB * MIB:
        raise RuntimeError("the file did not come back whole")
    server.delete(path).raise_for_status()
    return SIZE_MIB / (stored - began), SIZE_MIB / (read - stored)


@contextmanager
def _plain_server(folder: Path) -> Iterator[httpx2.Client]:
    store, (port,) = folder / "plain", free_ports(1)
    store.mkdir()
    process = Process("bench.plain_store", str(store), str(port), log=folder / "plain.log").start()
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
            eventually(lambda: _listens(client), what="the plain server answers")
            yield client
    finally:
        process.kill()


def _listens(client: httpx2.Client) -> bool:
    try:
        return client.get("/").status_code == 404
    except httpx2.TransportError:
        return False
