"""Waits until a process is ready."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import aiohttp

_RETRY_SECONDS = 0.1
_ATTEMPT_SECONDS = 2.0
_QUOTED_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Probe:
    """A URL that answers 200 when the process is ready. `socket`: connect to this Unix socket instead of the host."""

    url: str
    socket: Path | None = None


class NotReadyError(Exception):
    """The process did not become ready in time. The text describes its last reply."""


async def wait_until_ready(probe: Probe, timeout_s: float) -> None:
    """Poll the probe until it answers 200. Raises `NotReadyError` after `timeout_s` seconds."""
    connector = aiohttp.UnixConnector(str(probe.socket)) if probe.socket else aiohttp.TCPConnector()
    last = "it did not answer"
    try:
        async with (
            asyncio.timeout(timeout_s),
            aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=_ATTEMPT_SECONDS)
            ) as session,
        ):
            while True:
                try:
                    async with session.get(probe.url) as answer:
                        if answer.status == 200:
                            return
                        last = f"it answers {answer.status}: {(await answer.text())[:_QUOTED_CHARACTERS_MAX]}"
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    last = f"it does not answer: {type(error).__name__}"
                await asyncio.sleep(_RETRY_SECONDS)
    except TimeoutError:
        raise NotReadyError(last) from None
