"""What `domicile up` costs: seconds until it answers, and memory before, while and after all its models are used.

Memory is the proportional set size (PSS) of all processes: pages that several share are divided among them.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openai import OpenAI
from tests.platform.endpoint_uses import use_everything
from tests.platform.processes import ROOT, consecutive_ports, eventually

# Longer than the longest of the requests below, so that all models are in memory together.
IDLE_S = 60
CODES = ("us", "eu")


class Up:
    """One running `domicile up`."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path, output: Path) -> None:
        self._process = process
        self._folder = folder
        self._output = output

    def wait_until_ready(self) -> None:
        """Until it says so."""
        eventually(lambda: b"\nready\n" in self._output.read_bytes(), within_s=120, what="up is ready")

    def client(self, code: str, key: str) -> OpenAI:
        """The official client at a region."""
        endpoints = json.loads((self._folder / "endpoints.json").read_text())
        return OpenAI(api_key=key, base_url=endpoints["regions"][code]["url"], max_retries=0)

    def new_key(self, code: str) -> str:
        """Of a new project."""
        endpoints = json.loads((self._folder / "endpoints.json").read_text())
        admin_key = (self._folder / endpoints["admin_key_file"]).read_text().strip()
        url = f"{endpoints['control']['url']}/v1"
        projects = OpenAI(admin_api_key=admin_key, api_key="unused", base_url=url).admin.organization.projects
        project = projects.create(name="bench", extra_body={"residency": f"{code.upper()}_STORAGE_PROCESSING"})
        account = projects.service_accounts.create(project.id, name="bench")
        assert account.api_key is not None
        return account.api_key.value

    def memory_mib(self) -> dict[str, float]:
        """By what a process is."""
        sizes: dict[str, float] = {"supervisor": _proportional_set_size_mib(self._process.pid)}
        for pid in _children(self._process.pid):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            module = next(
                part for part in command if part.startswith((b"domicile.apps.", b"domicile_engines"))
            ).decode()
            kind = module.rpartition(".")[2].removeprefix("domicile_").removesuffix("s")
            sizes[kind] = sizes.get(kind, 0) + sum(map(_proportional_set_size_mib, (pid, *_children(pid))))
        return sizes

    def processor_s(self) -> float:
        """Of all processes since they started: what a start costs, whatever else the machine does."""
        return sum(map(_processor_s, (self._process.pid, *_children(self._process.pid))))

    def loaded(self) -> int:
        """Models that an engine has loaded and not let go."""
        logs = [(self._folder / code / "logs" / "engine.log").read_text() for code in CODES]
        return sum(len(re.findall(r"\bloaded ", log)) - len(re.findall(r"\bunloaded ", log)) for log in logs)


def cost_of_up(folder: Path) -> None:
    """Prints it."""
    with _up(folder) as up:
        started = time.monotonic()
        up.wait_until_ready()
        seconds = time.monotonic() - started
        print(f"first start: ready after {seconds:.1f} s, {up.processor_s():.1f} s of processor time")
        keys = {code: up.new_key(code) for code in CODES}
        _print_memory("idle, nothing asked yet", up)
        started = time.monotonic()
        for used in use_everything(up.client("us", keys["us"])):
            print(f"  first use of {used.endpoint}: {time.monotonic() - started:.1f} s, loading its model included")
            started = time.monotonic()
        for _ in use_everything(up.client("eu", keys["eu"])):
            pass
        _print_memory(f"all models used, {up.loaded()} beside chat in memory", up)
        eventually(lambda: up.loaded() == 0, within_s=IDLE_S * 3, what="every model is let go")
        _print_memory("idle again, all models let go", up)
    with _up(folder) as up:
        started = time.monotonic()
        up.wait_until_ready()
        ready, processor_s = time.monotonic(), up.processor_s()
        # The first of them is chat.
        next(use_everything(up.client("eu", keys["eu"])))
        answered = time.monotonic()
        print(f"warm start: ready after {ready - started:.1f} s, {processor_s:.1f} s of processor time")
        print(f"warm start: first chat answer after {answered - started:.1f} s")


@contextmanager
def _up(folder: Path) -> Iterator[Up]:
    data, output = folder / "up", folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.up", str(data), str(consecutive_ports(3)), str(IDLE_S)],
            cwd=ROOT,
            stdout=stream,
            stderr=stream,
        )
    try:
        yield Up(process, data, output)
    finally:
        process.terminate()
        process.wait(15)


def _print_memory(when: str, up: Up) -> None:
    sizes = up.memory_mib()
    parts = ", ".join(f"{kind} {size:.0f}" for kind, size in sizes.items())
    print(f"memory, {when}: {sum(sizes.values()):.0f} MiB ({parts})")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _proportional_set_size_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
