"""The region's side of one inspector process. `apps/inspector.py` is the process itself."""

import asyncio
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence

from domicile.media.inspection import ANSWER_SECONDS_MAX, INSPECTION_BYTES_MAX, LENGTH, Inspection, decode

START_SECONDS_MAX = 60.0


class InspectorNotStartedError(Exception):
    """No inspector process could be started. The text says why; the process's own output is in the region's log."""


class InspectorDiedError(Exception):
    """The process gave no valid answer: it died, or was too slow. The text is the name of the underlying error."""


class InspectorProcess:
    """A running inspector process that reads one recording at a time."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> "InspectorProcess":
        """Start a process and wait until it has set up its sandbox. Raises `InspectorNotStartedError`."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=theirs.fileno(), stdout=DEVNULL, env=dict(environment)
                )
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException as error:
            # If the process was started, it ends when its socket closes.
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
        """Whether the process runs and its socket is open, as far as this process knows yet."""
        return self._process.returncode is None and not self._reader.at_eof()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def inspect(self, content: bytes) -> Inspection:
        """Send a recording and return the result. Raises `InspectorDiedError`. After an error or a cancellation call `end`."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                self._writer.write(LENGTH.pack(len(content)))
                self._writer.write(content)
                await self._writer.drain()
                return decode(await self._receive())
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            raise InspectorDiedError(type(error).__name__) from None

    async def end(self) -> str:
        """Kill the process if it runs. Returns its exit status or signal as text."""
        self._writer.close()
        if self._process.returncode is None:
            # Kill: it may be busy in a decoder, and it has nothing to clean up.
            self._process.kill()
        status = await self._process.wait()
        return f"signal {-status}" if status < 0 else f"exit status {status}"

    async def _receive(self) -> bytes:
        (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
        if length > INSPECTION_BYTES_MAX:
            raise ValueError("length")
        return await self._reader.readexactly(length)
