"""Filters of system calls (seccomp, Linux 4.14 and later). A filter limits, for ever, what a process may ask the kernel for.

A filter needs no privilege, and holds for every thread and every child. Not even root in a container can remove it. It is a
program of classic BPF, which the kernel runs before each system call. Python's libraries for this need the machine's
libseccomp, which no wheel contains, so the few instructions are written here.
"""

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF_0000, 0x0005_0000, 0x8000_0000
# Offsets in struct seccomp_data. Both architectures are little-endian: the low half of an argument comes first.
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
# Numbers from here on belong to the x32 ABI, which has the same calls under other numbers.
_X32 = 0x4000_0000

Instruction = tuple[int, int, int, int]
"""Operation, instructions to skip when true, instructions to skip when false, operand."""


class ConfinementError(Exception):
    """This process cannot be confined. The text says why."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """One architecture: its number in `linux/audit.h`, the number of the call `seccomp`, and the other calls' by name."""

    audit: int
    seccomp: int
    numbers: dict[str, int]


# Name: x86_64 (arch/x86/entry/syscalls/syscall_64.tbl), aarch64 (include/uapi/asm-generic/unistd.h). None: no such call.
_CALLS: dict[str, tuple[int | None, int | None]] = {
    "add_key": (248, 217),
    "bpf": (321, 280),
    "brk": (12, 214),
    "chroot": (161, 51),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "close": (3, 57),
    "execve": (59, 221),
    "execveat": (322, 281),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "finit_module": (313, 273),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "futex": (202, 98),
    "getpid": (39, 172),
    "getrandom": (318, 278),
    "gettid": (186, 178),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "madvise": (28, 233),
    "mmap": (9, 222),
    "mount": (165, 40),
    "move_mount": (429, 429),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "recvfrom": (45, 207),
    "request_key": (249, 218),
    "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    "sendto": (44, 206),
    "setitimer": (38, 103),
    "setns": (308, 268),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "tgkill": (234, 131),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
_X86_64 = _Machine(0xC000_003E, 317, {name: pair[0] for name, pair in _CALLS.items() if pair[0] is not None})
_AARCH64 = _Machine(0xC000_00B7, 277, {name: pair[1] for name, pair in _CALLS.items() if pair[1] is not None})
_MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}


def refusing(machine: _Machine, calls: Collection[str], socket_family: int) -> list[Instruction]:
    """A filter that allows everything but `calls` (EPERM) and sockets of another family than `socket_family` (EACCES)."""
    return [
        *_head(machine),
        *_sockets_of(machine, socket_family),
        *_answers(machine, calls, _ERRNO | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def allowing(machine: _Machine, calls: Collection[str]) -> list[Instruction]:
    """A filter that refuses everything but `calls`, with EPERM."""
    return [*_head(machine), *_answers(machine, calls, _ALLOW), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]


def this_machine() -> _Machine:
    """The numbers of this architecture. Raises `ConfinementError` for an unknown one, and for a 32-bit interpreter."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.maxsize < 2**32:
        raise ConfinementError(f"no filter of system calls is known for {platform.machine()} (x86_64 and aarch64 are)")
    return machine


def install(machine: _Machine, program: list[Instruction]) -> None:
    """Put the filter on every thread of this process. Raises `ConfinementError` when the kernel refuses it."""
    libc = ctypes.CDLL(None, use_errno=True)
    packed = (_Filter * len(program))(*(_Filter(*instruction) for instruction in program))
    handed = _Program(len(program), packed)
    arguments = [ctypes.c_ulong(value) for value in (1, 0, 0, 0)]
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, *arguments) != 0:
        raise ConfinementError(f"the kernel refuses no_new_privs: {os.strerror(ctypes.get_errno())}")
    libc.syscall.restype = ctypes.c_long
    # Not zero: the kernel's refusal, or the id of a thread that cannot take the filter.
    if libc.syscall(machine.seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(handed)) != 0:
        raise ConfinementError(f"the kernel refuses a filter of system calls: {os.strerror(ctypes.get_errno())}")


def _head(machine: _Machine) -> Iterable[Instruction]:
    """End the process if it calls by another ABI, whose numbers mean other calls. Then load the call's number."""
    yield (_LOAD_WORD, 0, 0, _ARCHITECTURE)
    yield (_JUMP_EQUAL, 1, 0, machine.audit)
    yield (_RETURN, 0, 0, _KILL_PROCESS)
    yield (_LOAD_WORD, 0, 0, _NUMBER)
    yield (_JUMP_AT_LEAST, 0, 1, _X32)
    yield (_RETURN, 0, 0, _KILL_PROCESS)


def _answers(machine: _Machine, calls: Collection[str], action: int) -> Iterable[Instruction]:
    for name in sorted(calls):
        if name not in _CALLS:
            raise KeyError(name)
        if name in machine.numbers:
            yield (_JUMP_EQUAL, 0, 1, machine.numbers[name])
            yield (_RETURN, 0, 0, action)


def _sockets_of(machine: _Machine, family: int) -> Iterable[Instruction]:
    """Allow sockets of this family only. It is the first argument of both calls, an int: the kernel reads these 32 bits too."""
    for name in ("socket", "socketpair"):
        yield (_JUMP_EQUAL, 0, 4, machine.numbers[name])
        yield (_LOAD_WORD, 0, 0, _FIRST_ARGUMENT)
        yield (_JUMP_EQUAL, 0, 1, family)
        yield (_RETURN, 0, 0, _ALLOW)
        yield (_RETURN, 0, 0, _ERRNO | errno.EACCES)


class _Filter(ctypes.Structure):
    """struct sock_filter of linux/filter.h."""

    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("len", ctypes.c_uint16), ("filter", ctypes.POINTER(_Filter)))
