"""Confines each kind of process that needs no network. A process confines itself once, before it reads any content."""

import logging
import resource
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from domicile.confinement.landlock import write_only_below
from domicile.confinement.seccomp import ConfinementError, allowing, install, refusing, this_machine

_log = logging.getLogger(__name__)

# Ways around a filter: io_uring, whose calls no filter sees, and access to another process's memory or descriptors.
_WAYS_AROUND = frozenset(
    {
        *("io_uring_setup", "io_uring_enter", "io_uring_register"),
        *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "open_by_handle_at"),
    }
)
# Calls that only root may make, since containers often run as root: other namespaces, mounts, code in the kernel.
_PRIVILEGED = frozenset(
    {
        *("unshare", "setns", "chroot", "pivot_root"),
        *("mount", "umount2", "open_tree", "move_mount", "fsopen", "fsmount"),
        *("init_module", "finit_module", "kexec_load", "kexec_file_load", "bpf", "perf_event_open", "userfaultfd"),
        *("add_key", "request_key", "keyctl", "iopl", "ioperm"),
    }
)
_OTHER_PROGRAMS = frozenset({"execve", "execveat"})
# Memory, time, the open descriptors, and the process's own end. None of these opens a file or starts a thread.
_COMPUTING = frozenset(
    {
        *("brk", "mmap", "mprotect", "mremap", "munmap", "madvise", "futex", "sched_yield", "sched_getaffinity"),
        *("recvfrom", "sendto", "close", "getrandom", "clock_gettime", "clock_nanosleep", "setitimer"),
        *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "restart_syscall", "getpid", "gettid", "tgkill"),
        *("exit", "exit_group"),
    }
)
_UNCONFINED = (
    "this system has no seccomp, so only the libraries' own settings keep this process off the network "
    "(docs/security.md): use Linux for content that matters"
)


def confine_to_unix_sockets(folders: Sequence[Path]) -> None:
    """Allow Unix sockets only, no other program, and no file written outside `folders`. Raises `ConfinementError`, OSError.

    Call it before any other thread is started: Landlock holds for this thread and later ones. Landlock also protects the
    memory of processes outside (/proc/PID/mem). On systems other than Linux this function only logs a warning.
    """
    if not _is_linux():
        return
    machine = this_machine()
    install(machine, refusing(machine, _WAYS_AROUND | _PRIVILEGED | _OTHER_PROGRAMS, socket.AF_UNIX))
    _prove_no_network()
    if not write_only_below(folders, [Path("/dev/null")]):
        _log.warning("this kernel has no Landlock: only the folders' permissions limit where this process may write")


def confine_decoder(memory_bytes: int) -> None:
    """Allow only `memory_bytes` more memory and the descriptors that are open. Raises `ConfinementError`.

    Call it when everything is imported and has run once, since no file can be opened afterwards. On systems other than Linux
    this function only logs a warning.
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
    """Raise `ConfinementError` if a network socket can be opened: an emulated kernel may accept a filter and ignore it."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except PermissionError:
        return
    raise ConfinementError("the kernel accepted a filter of system calls and ignores it")


def _address_space_bytes() -> int:
    pages = Path("/proc/self/statm").read_text("ascii").split()[0]
    return int(pages) * resource.getpagesize()
