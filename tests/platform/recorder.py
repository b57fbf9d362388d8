"""Writes down which addresses and files a tree of processes asks the kernel for, by seccomp's user notification (Linux 5.5).

strace could do it where it is installed. This needs the kernel alone, so the test that uses it runs wherever the product does.
Each such call waits until the recorder has written it down and lets it go on.

Filters that the processes install themselves are taken away: the kernel would obey the stricter filter and ask nobody, and what
was only *attempted* would stay unseen. In their place the recorder refuses the engine's and the inspector's network sockets.
"""

import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ALLOW, _NOTIFY = 0x7FFF_0000, 0x7FC0_0000
_LOAD, _JUMP_EQUAL, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_SET_MODE_FILTER, _NEW_LISTENER, _SET_NO_NEW_PRIVS = 1, 8, 38
_RECEIVE, _SEND, _CONTINUE = 0xC050_2100, 0xC018_2101, 1
_NOTIFICATION, _RESPONSE = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
_FIRST_ARGUMENT = 16
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_AT_FDCWD = -100

# Numbers: x86_64, aarch64; -1: not there. The places of a folder's descriptor (None: the current folder) and of the path.
_FILE_CALLS: dict[str, tuple[int, int, int | None, int]] = {
    "open": (2, -1, None, 0),
    "openat": (257, 56, 0, 1),
    "openat2": (437, 437, 0, 1),
    "creat": (85, -1, None, 0),
    "mkdir": (83, -1, None, 0),
    "mkdirat": (258, 34, 0, 1),
    "rename": (82, -1, None, 1),
    "renameat": (264, 38, 2, 3),
    "renameat2": (316, 276, 2, 3),
    "link": (86, -1, None, 1),
    "linkat": (265, 37, 2, 3),
    "symlink": (88, -1, None, 1),
    "symlinkat": (266, 36, 1, 2),
    "mknod": (133, -1, None, 0),
    "mknodat": (259, 33, 0, 1),
    "truncate": (76, 45, None, 0),
    "execve": (59, 221, None, 0),
    "execveat": (322, 281, 0, 1),
}
_OTHER_CALLS = {
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "seccomp": (317, 277),
    "io_uring_setup": (425, 425),
}
_HERE = 0 if platform.machine() == "x86_64" else 1
_NAMES = {
    pair[_HERE]: name
    for name, pair in [*((name, each[:2]) for name, each in _FILE_CALLS.items()), *_OTHER_CALLS.items()]
    if pair[_HERE] != -1
}
_NUMBERS = {name: number for number, name in _NAMES.items()}


@dataclass(frozen=True)
class Call:
    """One call, as it was asked for."""

    pid: int
    command: tuple[str, ...]
    """The process's command line."""
    name: str
    target: str
    """A path; an address as HOST:PORT, or `unix:PATH`; a socket's family."""


def install_listener() -> int:
    """Put the filter on this process and what it starts. Return the descriptor at which its questions arrive."""
    program = _program()
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in program))
    handed = ctypes.create_string_buffer(struct.pack("=H6xQ", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    assert libc.prctl(_SET_NO_NEW_PRIVS, *(ctypes.c_ulong(value) for value in (1, 0, 0, 0))) == 0
    descriptor = libc.syscall(_NUMBERS["seccomp"], _SET_MODE_FILTER, _NEW_LISTENER, handed)
    assert descriptor >= 0, f"the kernel refuses to be asked: {os.strerror(ctypes.get_errno())}"
    return int(descriptor)


def _program() -> list[tuple[int, int, int, int]]:
    program = [(_LOAD, 0, 0, 0)]
    for name, number in _NUMBERS.items():
        asked = [(_RETURN, 0, 0, _NOTIFY)]
        if name in {"open", "openat"}:
            flags = _FIRST_ARGUMENT + 8 * (1 if name == "open" else 2)
            asked = [(_LOAD, 0, 0, flags), (_JUMP_IF_ANY_BIT, 0, 1, _WRITES), *asked, (_RETURN, 0, 0, _ALLOW)]
        elif name == "socket":
            asked = [
                (_LOAD, 0, 0, _FIRST_ARGUMENT),
                (_JUMP_EQUAL, 0, 1, socket.AF_UNIX),
                (_RETURN, 0, 0, _ALLOW),
                *asked,
            ]
        elif name == "sendto":
            # With an address only: on a connection it is an ordinary way to write.
            low = _FIRST_ARGUMENT + 8 * 4
            asked = [(_LOAD, 0, 0, low), (_JUMP_EQUAL, 0, 1, 0), (_RETURN, 0, 0, _ALLOW), *asked]
        program += [(_JUMP_EQUAL, 0, len(asked), number), *asked]
    return [*program, (_RETURN, 0, 0, _ALLOW)]


class Recorder:
    """A program under the filter, and what it and its children asked for."""

    def __init__(
        self,
        command: list[str],
        output: Path,
        *,
        has_no_network: Callable[[tuple[str, ...]], bool],
        environment: Mapping[str, str],
    ) -> None:
        """`has_no_network` says, by its command line, for which process network sockets are refused."""
        self._has_no_network = has_no_network
        self._calls: list[Call] = []
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        with output.open("ab") as stream, theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.platform.recorded", str(theirs.fileno()), *command],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                pass_fds=[theirs.fileno()],
                env=dict(environment),
                cwd=Path(__file__).parents[2],
            )
        with ours:
            _, (self._listener,), _, _ = socket.recv_fds(ours, 1, 1)
            ours.send(b"1")
        self._thread = threading.Thread(target=self._answer, name="recorder", daemon=True)
        self._thread.start()

    def calls(self) -> list[Call]:
        """All so far."""
        with self._lock:
            return list(self._calls)

    def wait(self, within_s: float) -> None:
        """Until the last process has ended."""
        self._thread.join(within_s)
        assert not self._thread.is_alive(), "a process has outlived the program"
        os.close(self._listener)

    def _answer(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        while not any(events & select.POLLHUP for _, events in poll.poll()):
            notification = bytearray(_NOTIFICATION.size)
            try:
                fcntl.ioctl(self._listener, _RECEIVE, notification)
            except OSError as error:
                if error.errno in {errno.ENOENT, errno.EINTR}:
                    continue  # the process has been killed meanwhile
                raise
            number, pid, _, call, _, _, *arguments = _NOTIFICATION.unpack(notification)
            value, failure = 0, errno.EPERM
            flags = 0
            with suppress(OSError, ValueError):
                value, failure, flags = self._judge(pid, _NAMES[call], arguments)
            response = bytearray(_RESPONSE.pack(number, value, -failure, flags))
            with suppress(OSError):
                fcntl.ioctl(self._listener, _SEND, response)

    def _judge(self, pid: int, name: str, arguments: list[int]) -> tuple[int, int, int]:
        """Write the call down. Returns its result and error where it is not carried out, or that it goes on."""
        command = tuple(Path(f"/proc/{pid}/cmdline").read_text("utf-8").split("\0"))
        target = _target(pid, name, arguments)
        if target:
            with self._lock:
                self._calls.append(Call(_process_of(pid), command, name, target))
        if name == "seccomp":
            return 0, 0, 0
        if name == "io_uring_setup" or (name == "socket" and self._has_no_network(command)):
            return 0, errno.EACCES, 0
        return 0, 0, _CONTINUE


def _process_of(thread: int) -> int:
    status = Path(f"/proc/{thread}/status").read_text("ascii", errors="replace")
    return int(status.partition("\nTgid:")[2].split()[0])


def _target(pid: int, name: str, arguments: list[int]) -> str:
    if name in _FILE_CALLS:
        _, _, folder, path = _FILE_CALLS[name]
        return _path(pid, _AT_FDCWD if folder is None else arguments[folder], arguments[path])
    if name == "socket":
        family, kind = arguments[0] & 0xFFFF_FFFF, arguments[1] & 0xF
        return f"family {family}, kind {kind}"
    if name in {"connect", "bind"}:
        return _address(_memory(pid, arguments[1], arguments[2] & 0xFFFF))
    if name == "sendto":
        return _address(_memory(pid, arguments[4], arguments[5] & 0xFFFF))
    if name in {"sendmsg", "sendmmsg"}:
        start, length = struct.unpack("=QI", _memory(pid, arguments[1], 12))
        return _address(_memory(pid, start, length)) if start and length else ""
    return name


def _path(pid: int, folder: int, start: int) -> str:
    # A path ends before its page does, or goes on in the next one.
    text = _memory(pid, start, 4096 - start % 4096)
    if b"\0" not in text:
        text += _memory(pid, start + len(text), 4096)
    path = os.fsdecode(text.partition(b"\0")[0])
    number = ctypes.c_int32(folder & 0xFFFF_FFFF).value
    at = Path(f"/proc/{pid}/cwd" if number == _AT_FDCWD else f"/proc/{pid}/fd/{number}")
    return os.path.normpath(path if path.startswith("/") else f"{at.readlink()}/{path}")


def _address(raw: bytes) -> str:
    (family,) = struct.unpack_from("=H", raw)
    if family == socket.AF_UNIX:
        # The path ends at a zero, whatever stands behind it; one that begins with a zero is no path.
        return "unix:" + os.fsdecode(raw[2:].partition(b"\0")[0] or b"@" + raw[3:])
    if family == socket.AF_INET:
        (port,) = struct.unpack_from("!H", raw, 2)
        return f"{socket.inet_ntop(socket.AF_INET, raw[4:8])}:{port}"
    if family == socket.AF_INET6:
        (port,) = struct.unpack_from("!H", raw, 2)
        return f"[{socket.inet_ntop(socket.AF_INET6, raw[8:24])}]:{port}"
    return f"family {family}"


def _memory(pid: int, start: int, length: int) -> bytes:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(start)
        return memory.read(length)
