"""One inspector process, from the region's side (`apps/inspector.py` is the other)."""

import asyncio
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence

from domicile.media.inspection import ANSWER_SECONDS_MAX, INSPECTION_BYTES_MAX, LENGTH, Inspection, decode

START_SECONDS_MAX = 60.0


class InspectorNotStartedError(Exception):
    """There is no inspector, and none could be started. The region's log has the process's own words."""


class InspectorDiedError(Exception):
    """It ended, or was ended, before it answered. The text says how."""


class InspectorProcess:
    """A running inspector that waits for a recording."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> "InspectorProcess":
        """Return when it has its walls around it. Raises `InspectorNotStartedError`."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=theirs.fileno(), stdout=DEVNULL, env=dict(environment)
                )
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException as error:
            # A process that was started all the same ends with its socket.
            ours.close()
            if isinstance(error, OSError):
                raise InspectorNotStartedError(error.strerror) from None
            raise
        inspector = cls(process, reader, writer)
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await inspector._receive()
        except (OSError, EOFError, TimeoutError, ValueError):
            raise InspectorNotStartedError(await inspector.end()) from None
        except BaseException:
            await inspector.end()
            raise
        return inspector

    @property
    def is_alive(self) -> bool:
        """Whether it still waits, as far as is known here."""
        return self._process.returncode is None and not self._reader.at_eof()

    @property
    def pid(self) -> int:
        """Its number at the operating system."""
        return self._process.pid

    async def inspect(self, content: bytes) -> Inspection:
        """Raises `InspectorDiedError`. A process that was cancelled or has died here is of no more use: end it."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                self._writer.write(LENGTH.pack(len(content)))
                self._writer.write(content)
                await self._writer.drain()
                return decode(await self._receive())
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            raise InspectorDiedError(type(error).__name__) from None

    async def end(self) -> str:
        """Kill it, if it lives, and return how it ended."""
        self._writer.close()
        if self._process.returncode is None:
            # It may be in the middle of a decoder, and has nothing to put in order.
            self._process.kill()
        status = await self._process.wait()
        return f"signal {-status}" if status < 0 else f"exit status {status}"

    async def _receive(self) -> bytes:
        (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
        if length > INSPECTION_BYTES_MAX:
            raise ValueError("length")
        return await self._reader.readexactly(length)
