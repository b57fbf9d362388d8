"""A listener beyond loopback is never in clear by oversight."""

import pytest
from pydantic import ValidationError

from domicile.settings.installation import Listener


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_loopback_needs_nothing_more(host: str) -> None:
    assert Listener(host=host, port=1).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "2001:db8::1", "eu.example.com", "127.evil.example", ""])
def test_every_other_address_must_say_that_a_proxy_speaks_tls(host: str) -> None:
    with pytest.raises(ValidationError, match="behind_tls_proxy = true"):
        Listener(host=host, port=1)
    assert Listener(host=host, port=1, behind_tls_proxy=True).host == host
