"""Limits where a process may write, by Landlock (Linux 5.13 and later), in addition to the folders' permissions."""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from domicile.confinement.seccomp import ConfinementError

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
# Bits of linux/landlock.h: WRITE_FILE, then REMOVE_DIR to MAKE_SYM, then what later versions added.
_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 13))
_OF_A_FILE = _WRITE_FILE | _TRUNCATE
_VERSION_WITH_REFER, _VERSION_WITH_TRUNCATE = 2, 3


def write_only_below(folders: Iterable[Path], files: Iterable[Path] = ()) -> bool:
    """Let this thread, and all that it starts from now on, create and change files only below `folders` and in `files`.

    Call it before other threads are started, after no_new_privs is set. Reading is not limited. Returns False when the kernel
    has no Landlock. Raises `ConfinementError` when the kernel refuses a rule, OSError for a folder that does not exist.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return False
    rights = _rights(version)
    attribute = _RulesetAttribute(rights)
    ruleset = _call(libc, _CREATE_RULESET, ctypes.byref(attribute), ctypes.c_size_t(ctypes.sizeof(attribute)), 0)
    try:
        for path, allowed in [*((each, rights) for each in folders), *((each, rights & _OF_A_FILE) for each in files)]:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                rule = _PathBeneath(allowed, descriptor)
                _call(libc, _ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
            finally:
                os.close(descriptor)
        _call(libc, _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return True


def _rights(version: int) -> int:
    """The rights to write that this version of Landlock knows. It refuses unknown ones."""
    rights = _WRITE_FILE | _CHANGE_FOLDERS
    if version >= _VERSION_WITH_REFER:
        rights |= _REFER
    if version >= _VERSION_WITH_TRUNCATE:
        rights |= _TRUNCATE
    return rights


def _call(libc: ctypes.CDLL, number: int, *arguments: object) -> int:
    result: int = libc.syscall(number, *arguments)
    if result < 0:
        raise ConfinementError(f"the kernel refuses a Landlock rule: {os.strerror(ctypes.get_errno())}")
    return result


class _RulesetAttribute(ctypes.Structure):
    """struct landlock_ruleset_attr. Its first member is enough."""

    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _PathBeneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))
