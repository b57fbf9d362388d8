"""The walls around each kind of process that needs no network. Each is put up once, before a byte of content comes in."""

import logging
import resource
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from domicile.confinement.landlock import write_only_below
from domicile.confinement.seccomp import ConfinementError, allowing, install, refusing, this_machine

_log = logging.getLogger(__name__)

# Ways around a filter: calls that the kernel carries out on a ring's behalf, and another process's memory or descriptors.
_WAYS_AROUND = frozenset(
    {
        *("io_uring_setup", "io_uring_enter", "io_uring_register"),
        *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "open_by_handle_at"),
    }
)
# What only root may do, and containers often run as root: other namespaces, mounts, code in the kernel.
_PRIVILEGED = frozenset(
    {
        *("unshare", "setns", "chroot", "pivot_root"),
        *("mount", "umount2", "open_tree", "move_mount", "fsopen", "fsmount"),
        *("init_module", "finit_module", "kexec_load", "kexec_file_load", "bpf", "perf_event_open", "userfaultfd"),
        *("add_key", "request_key", "keyctl", "iopl", "ioperm"),
    }
)
_OTHER_PROGRAMS = frozenset({"execve", "execveat"})
# Memory, time, the descriptors that are open, and the process's own end. Nothing opens anything, or starts a thread.
_COMPUTING = frozenset(
    {
        *("brk", "mmap", "mprotect", "mremap", "munmap", "madvise", "futex", "sched_yield", "sched_getaffinity"),
        *("recvfrom", "sendto", "close", "getrandom", "clock_gettime", "clock_nanosleep", "setitimer"),
        *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "restart_syscall", "getpid", "gettid", "tgkill"),
        *("exit", "exit_group"),
    }
)
_UNCONFINED = (
    "this system has no seccomp, so nothing but the libraries' own settings keeps this process from a network "
    "(docs/security.md): use Linux for content that matters"
)


def confine_to_unix_sockets(folders: Sequence[Path]) -> None:
    """Allow Unix sockets only, no other program, and no file written outside `folders`. Raises `ConfinementError`, OSError.

    Call it before any other thread is started: Landlock holds for this one and those to come. It also closes the memory of
    processes outside (/proc/PID/mem). Elsewhere than on Linux the log warns.
    """
    if not _is_linux():
        return
    machine = this_machine()
    install(machine, refusing(machine, _WAYS_AROUND | _PRIVILEGED | _OTHER_PROGRAMS, socket.AF_UNIX))
    _prove_no_network()
    if not write_only_below(folders, [Path("/dev/null")]):
        _log.warning("this kernel has no Landlock: the folders' permissions alone say where this process may write")


def confine_decoder(memory_bytes: int) -> None:
    """Allow `memory_bytes` more memory, and the descriptors that are open: nothing else. Raises `ConfinementError`.

    Call it when everything is imported and has run once: nothing can be opened any more. Elsewhere than on Linux the log warns.
    """
    if not _is_linux():
        return
    limit = _address_space_bytes() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    machine = this_machine()
    install(machine, allowing(machine, _COMPUTING))
    _prove_no_network()


def _is_linux() -> bool:
    if sys.platform == "linux":
        return True
    _log.warning(_UNCONFINED)
    return False


def _prove_no_network() -> None:
    """Raise `ConfinementError` if a socket of a network can be opened: an emulated kernel may accept a filter and ignore it."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except PermissionError:
        return
    raise ConfinementError("the kernel accepted a filter of system calls and ignores it")


def _address_space_bytes() -> int:
    pages = Path("/proc/self/statm").read_text("ascii").split()[0]
    return int(pages) * resource.getpagesize()
