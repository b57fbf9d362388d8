"""Unit tests run in this process: what starts a server or a process belongs to `tests/component`."""

import socket
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any, NoReturn

import pytest

_FOLDER = Path(__file__).parent


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("a unit test starts no server and no process: move this test to tests/component")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Around each test of this folder with its fixtures, those of wider scopes included."""
    # Where tests are spread over workers, this is called for the tests of other folders too.
    if not item.path.is_relative_to(_FOLDER):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "bind", _refuse)
        patch.setattr(subprocess, "Popen", _refuse)
        return (yield)
