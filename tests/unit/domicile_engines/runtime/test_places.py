"""Places: no project takes what the next one needs."""

import pytest

from domicile.kernel.errors import DomicileError
from domicile_engines.runtime.places import Places


def test_every_further_tenant_finds_a_place() -> None:
    places = Places(64)
    for tenant in map(str, range(5)):
        taken = 0
        with pytest.raises(DomicileError):
            while True:
                places.take(tenant)
                taken += 1
        assert taken >= 2
