"""The store of rate limits: in the region's countries, never in clear text over a network, and without a secret."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from domicile.settings.limit_store import LimitStoreSettings
from tests.unit.data_plane.region_parts import region_settings


@pytest.mark.parametrize(
    "values",
    [
        {"url": "rediss://limits.example.com:6380", "country": "DE"},
        {"url": "redis://127.0.0.1:6379", "country": "DE"},
        {"url": "redis://[::1]:6379", "country": "DE"},
        {"url": "unix:///run/valkey.sock"},
        {
            "url": "rediss://limits.example.com",
            "country": "DE",
            "user": "domicile",
            "password_file": "/p",
            "ca_file": "/c",
        },
    ],
)
def test_stores_that_may_be(values: dict[str, Any], tmp_path: Path) -> None:
    assert region_settings(tmp_path, limits={"store": values}).limits.store == LimitStoreSettings(**values)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"url": "rediss://limits.example.com", "country": "US"}, "stands in US"),
        ({"url": "rediss://limits.example.com"}, "needs country"),
        ({"url": "redis://limits.example.com", "country": "DE"}, "clear text"),
        ({"url": "redis://10.0.0.1", "country": "DE"}, "clear text"),
        ({"url": "rediss://u:p@limits.example.com", "country": "DE"}, "no user and no password"),
        ({"url": "rediss://limits.example.com/3", "country": "DE"}, "no path"),
        ({"url": "rediss://limits.example.com?ssl_cert_reqs=none", "country": "DE"}, "without query"),
        ({"url": "rediss://limits.example.com:x", "country": "DE"}, "not a URL"),
        ({"url": "http://limits.example.com", "country": "DE"}, "must start with"),
        ({"url": "unix://run/valkey.sock"}, "whole path"),
        ({"url": "unix:///s", "user": "domicile"}, "needs password_file"),
        ({"url": "unix:///s", "ca_file": "/c"}, "rediss"),
        ({"url": "unix:///s", "outage_share": 0}, "greater than 0"),
        ({"url": "unix:///s", "outage_share": 1.5}, "less than or equal to 1"),
    ],
)
def test_stores_that_may_not_be(values: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=reason):
        region_settings(tmp_path, limits={"store": values})
