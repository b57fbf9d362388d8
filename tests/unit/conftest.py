"""Unit tests run in this process: what starts a server or a process belongs to `tests/component`."""

import socket
import subprocess
from collections.abc import Generator
from typing import Any, NoReturn

import pytest


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("a unit test starts no server and no process: move this test to tests/component")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, Any, Any]:
    """Around each test with its fixtures, those of wider scopes included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "bind", _refuse)
        patch.setattr(subprocess, "Popen", _refuse)
        return (yield)
