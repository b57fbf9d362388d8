"""How many descriptors a process has, and how many connections that allows. Limits of this process are left as they are."""

import resource
import subprocess
import sys

import pytest

from domicile.process.descriptors import connections_of_a_listener

RAISE = """
import resource
from domicile.process.descriptors import raise_descriptor_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
raise_descriptor_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE), hard)
"""


def test_the_soft_limit_becomes_the_hard_one() -> None:
    said = subprocess.run([sys.executable, "-c", RAISE], capture_output=True, text=True, check=True).stdout.split()
    soft, hard, before = map(int, said)
    assert hard == before
    assert soft == (1_048_576 if hard == resource.RLIM_INFINITY else min(hard, 1_048_576))


@pytest.mark.parametrize("soft", [1024, 4096, 65_536, 1_048_576, resource.RLIM_INFINITY])
def test_connections_leave_a_reserve(soft: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (soft, soft))
    connections = connections_of_a_listener()
    assert 64 <= connections <= 16_384
    if soft != resource.RLIM_INFINITY:
        # After a refusal each takes a second descriptor while the rest of its body is dropped.
        assert soft - 2 * connections >= max(512, soft // 4)
