"""Each wall, tried from inside by a real process."""

import ctypes
import os
import platform
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from domicile.confinement.seccomp import ConfinementError, this_machine
from tests.component.confinement.confined import DECODER, is_refused, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and Landlock are Linux'")

IMPORTS = "import ctypes, os, socket, subprocess, threading"
FAMILIES = [socket.AF_INET, socket.AF_INET6, 16, 17, 38, 40]
"""IPv4, IPv6, netlink, packets, the kernel's crypto, virtual machines (linux/socket.h)."""


def test_an_engine_opens_no_socket_of_a_network(tmp_path: Path) -> None:
    families = [int(family) for family in FAMILIES]
    lines = f"""
refused = 0
for family in {families}:
    for kind in (1, 2, 3):
        for call in (socket.socket, socket.socketpair):
            try:
                call(family, kind)
            except PermissionError:
                refused += 1
print(refused)"""
    assert int(run(lines, before=IMPORTS, folder=tmp_path).stdout) == len(families) * 3 * 2


def test_an_engine_opens_unix_sockets(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    lines = [
        f"server = socket.socket(socket.AF_UNIX); server.bind({path!r}); server.listen()",
        f"client = socket.socket(socket.AF_UNIX); client.connect({path!r})",
        "socket.socketpair()",
    ]
    assert not is_refused(*lines, before=IMPORTS, folder=tmp_path)


def test_a_thread_that_was_there_before_is_behind_the_wall_too(tmp_path: Path) -> None:
    before = f"""{IMPORTS}
up, seen = threading.Event(), []
def later():
    up.wait()
    try:
        socket.socket(socket.AF_INET)
    except PermissionError:
        seen.append("refused")
thread = threading.Thread(target=later); thread.start()"""
    assert run("up.set(); thread.join(); print(*seen)", before=before, folder=tmp_path).stdout.strip() == "refused"


def test_an_engine_starts_no_program(tmp_path: Path) -> None:
    assert is_refused("subprocess.run(['/bin/true'])", before=IMPORTS, folder=tmp_path)


@pytest.mark.parametrize(
    "name", ["io_uring_setup", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "unshare", "bpf"]
)
def test_the_ways_around_are_closed(tmp_path: Path, name: str) -> None:
    number = this_machine().numbers[name]
    call = (
        f"libc = ctypes.CDLL(None, use_errno=True); print(libc.syscall({number}, 0, 0, 0, 0, 0, 0), ctypes.get_errno())"
    )
    assert run(call, before=IMPORTS, folder=tmp_path).stdout.split() == ["-1", "1"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the second ABI is that of x86_64")
def test_the_same_calls_by_other_numbers_end_the_process(tmp_path: Path) -> None:
    x32_socket = 0x4000_0000 + 41
    outcome = run(f"ctypes.CDLL(None).syscall({x32_socket}, 2, 1, 0)", before=IMPORTS, folder=tmp_path)
    assert outcome.returncode == -signal.SIGSYS


def _landlock_version() -> int:
    return int(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))


@pytest.mark.skipif(_landlock_version() < 1, reason="this kernel has no Landlock")
def test_an_engine_writes_below_its_folders_alone(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "old").write_text("old")
    for line in ("open('{0}/new', 'w')", "open('{0}/old', 'a')", "os.mkdir('{0}/folder')", "os.unlink('{0}/old')"):
        assert is_refused(line.format(outside), before=IMPORTS, folder=inside), line
        assert not is_refused(line.format(inside), before=IMPORTS, folder=inside), line
    assert not is_refused(f"open('{outside}/old').read()", folder=inside), "reading stays as it is"
    assert is_refused(f"open('/proc/{os.getpid()}/mem', 'rb')", folder=inside), "another process's memory"


def test_a_decoder_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    for line in (
        f"open('{tmp_path}/file')",
        f"open('{tmp_path}/new', 'w')",
        "socket.socket(socket.AF_UNIX)",
        "os.pipe()",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
    ):
        assert is_refused(line, before=IMPORTS, wall=DECODER, folder=tmp_path), line


def test_a_decoder_has_a_limit_of_memory(tmp_path: Path) -> None:
    lines = ["try:", "    bytearray(128 * 1024 * 1024)", "except MemoryError:", "    ours.sendall(b'refused')"]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        code = "\n".join([f"{IMPORTS}\nours = socket.socket(fileno={theirs.fileno()})", DECODER, *lines])
        subprocess.run([sys.executable, "-c", code], pass_fds=[theirs.fileno()], check=True, timeout=60)
        theirs.close()
        assert ours.recv(100) == b"refused"


def test_an_unknown_machine_is_not_confined_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(ConfinementError, match="riscv64"):
        this_machine()


def test_an_engine_does_not_start_where_filters_are_refused(tmp_path: Path) -> None:
    """Behind a decoder's wall the kernel refuses another filter, as an old one would."""
    code = (
        "from domicile.confinement import profiles, seccomp; from domicile_engines import __main__ as engine; import sys\n"
        f"sys.argv = ['engine', '--socket', '{tmp_path}/engine.sock']\n"
        "machine = seccomp.this_machine()\n"
        "seccomp._CALLS['seccomp'] = (317, 277); machine.numbers['seccomp'] = machine.seccomp\n"
        "seccomp.install(machine, seccomp.refusing(machine, ['seccomp'], 1))\n"
        "engine.main()"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert outcome.returncode == 1
    assert "the kernel refuses a filter of system calls" in outcome.stderr
    assert not (tmp_path / "engine.sock").exists()


def test_the_walls_need_no_privilege() -> None:
    """As the least user there is, which is what a service manager or a container may choose."""
    before = f"{IMPORTS}\nimport domicile.confinement.profiles\nif os.getuid() == 0: os.setgid(65534); os.setuid(65534)"
    assert is_refused("socket.socket(socket.AF_INET)", before=before, folder=Path("/"))
