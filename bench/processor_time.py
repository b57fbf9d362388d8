"""What a chat request costs the region's process in processor time, its threads and the kernel's work for it included."""

import asyncio
import os
from pathlib import Path
from typing import Any

import httpx2
from tests.platform.installation import Installation

REQUESTS = 2_000
AT_ONCE = 16
_TEXT = "Lorem ipsum, dolor: sit amet [x] consectetur adipiscing elit. " * 12


def processor_time(folder: Path) -> None:
    """Prints it for whole answers. `folder` is made by the installation."""
    installation = Installation(folder, log_level="info")
    try:
        installation.start()
        key, pid = installation.new_key("us").secret, installation.processes["region-us"].pid
        asyncio.run(_ask(installation.region_url("us"), key, REQUESTS // 4))
        before = _seconds(pid)
        asyncio.run(_ask(installation.region_url("us"), key, REQUESTS))
        print(f"\nA chat request costs the region {(_seconds(pid) - before) / REQUESTS * 1e6:.0f} us of processor time")
    finally:
        installation.stop()


async def _ask(url: str, key: str, count: int) -> None:
    body: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": _TEXT}]}
    headers = {"authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=60) as client:

        async def some() -> None:
            for _ in range(count // AT_ONCE):
                answer = await client.post("/v1/chat/completions", json=body)
                answer.raise_for_status()

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def _seconds(pid: int) -> float:
    """Of the process so far, as the kernel counts it."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
