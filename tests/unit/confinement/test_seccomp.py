"""The filters of both architectures, run instruction by instruction as the kernel would."""

import errno
import socket

import pytest

from domicile.confinement import seccomp
from domicile.confinement.seccomp import Instruction, allowing, refusing

ALLOWED, KILLED = "allowed", "killed"
MACHINES = ["x86_64", "aarch64"]
# From the kernel's own tables, so that a slip in ours is seen: socket, socketpair, execve, ptrace, read, getpid.
NUMBERS = {"x86_64": (41, 53, 59, 101, 0, 39), "aarch64": (198, 199, 221, 117, 63, 172)}


def judged(program: list[Instruction], architecture: int, number: int, first_argument: int = 0) -> str | int:
    """`ALLOWED`, `KILLED`, or the number of the error."""
    words = {0: number, 4: architecture, 16: first_argument & 0xFFFF_FFFF, 20: first_argument >> 32}
    place, accumulator = 0, 0
    while True:
        operation, when_true, when_false, operand = program[place]
        place += 1
        if operation == 0x20:
            accumulator = words[operand]
        elif operation == 0x15:
            place += when_true if accumulator == operand else when_false
        elif operation == 0x35:
            place += when_true if accumulator >= operand else when_false
        else:
            assert operation == 0x06
            actions: dict[int, str | int] = {0x7FFF: ALLOWED, 0x8000: KILLED, 0x0005: operand & 0xFFFF}
            return actions[operand >> 16]


@pytest.mark.parametrize("name", MACHINES)
def test_what_a_filter_refuses_and_what_it_lets_through(name: str) -> None:
    machine = seccomp._MACHINES[name]
    sockets, pairs, execute, trace, read, _ = NUMBERS[name]
    program = refusing(machine, ["execve", "ptrace"], socket.AF_UNIX)
    for call in (sockets, pairs):
        assert judged(program, machine.audit, call, socket.AF_UNIX) == ALLOWED
        for family in (socket.AF_INET, socket.AF_INET6, 16, 0, 0xFFFF_FFFF):
            assert judged(program, machine.audit, call, family) == errno.EACCES
    # The kernel reads 32 bits of it: what stands above makes no other family.
    assert judged(program, machine.audit, sockets, 1 << 32 | socket.AF_INET) == errno.EACCES
    assert judged(program, machine.audit, execute) == errno.EPERM
    assert judged(program, machine.audit, trace) == errno.EPERM
    assert judged(program, machine.audit, read) == ALLOWED


@pytest.mark.parametrize("name", MACHINES)
def test_what_a_filter_allows_and_nothing_else(name: str) -> None:
    machine = seccomp._MACHINES[name]
    sockets, _, execute, _, read, own_number = NUMBERS[name]
    program = allowing(machine, ["getpid"])
    assert judged(program, machine.audit, own_number) == ALLOWED
    for call in (sockets, execute, read, 9999):
        assert judged(program, machine.audit, call, socket.AF_UNIX) == errno.EPERM


@pytest.mark.parametrize("name", MACHINES)
def test_calls_by_another_abi_end_the_process(name: str) -> None:
    machine = seccomp._MACHINES[name]
    for program in (refusing(machine, [], socket.AF_UNIX), allowing(machine, ["getpid"])):
        for foreign in (0x4000_0003, 0x4000_0028, 0):
            assert judged(program, foreign, 1) == KILLED
        assert judged(program, machine.audit, 0x4000_0000 + NUMBERS[name][0], socket.AF_UNIX) == KILLED


def test_a_call_that_is_not_in_the_table_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        refusing(seccomp._X86_64, ["sokcet"], socket.AF_UNIX)
