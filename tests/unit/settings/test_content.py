"""Object stores and keys of a region: inside its countries, over TLS, one of each."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.data_plane.region_parts import region_settings

S3 = {
    "url": "https://s3.example.com",
    "bucket": "content",
    "signing_region": "eu-central-1",
    "country": "DE",
    "credentials_file": "/c",
}
AZURE = {
    "url": "https://a.example.com",
    "account": "account",
    "container": "content",
    "country": "DE",
    "key_file": "/k",
}
KMS = {
    "url": "https://kms.example.com",
    "key_id": "k",
    "signing_region": "eu-central-1",
    "country": "DE",
    "credentials_file": "/c",
}
CUSTOMERS = {
    "signing_region": "eu-central-1",
    "country": "DE",
    "kms": {"url": "https://kms.example.com", "credentials_file": "/c"},
    "s3": {"url": "https://s3.example.com", "credentials_file": "/c"},
}
DATABASE = {"url": "postgresql+asyncpg://r@keys.example.com/keys", "country": "DE"}


@pytest.mark.parametrize(
    "members",
    [
        {"storage": {"s3": S3}},
        {"storage": {"azure": AZURE}},
        {"storage": {"folder": "/f"}},
        {"keys": {"kms": KMS, "database": DATABASE}},
        {"customer_services": [CUSTOMERS, {**CUSTOMERS, "signing_region": "eu-west-3", "country": "FR", "kms": None}]},
    ],
)
def test_each_place_can_be_configured(members: dict[str, Any], tmp_path: Path) -> None:
    region_settings(tmp_path, **members)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"storage": {"s3": {**S3, "country": "US"}}}, "not in US"),
        ({"storage": {"azure": {**AZURE, "country": "GB"}}}, "not in GB"),
        ({"keys": {"kms": {**KMS, "country": "US"}}}, "not in US"),
        ({"keys": {"database": {**DATABASE, "country": "US"}}}, "not in US"),
        ({"storage": {"s3": {**S3, "url": "http://s3.example.com"}}}, "TLS"),
        ({"storage": {"azure": {**AZURE, "url": "http://a.example.com"}}}, "TLS"),
        ({"keys": {"kms": {**KMS, "url": "http://kms.example.com"}}}, "TLS"),
        ({"storage": {"s3": S3, "azure": AZURE}}, "one object store"),
        ({"storage": {"s3": S3, "folder": "/f"}}, "one object store"),
        ({"keys": {"kms": KMS, "region_key_file": "/k"}}, "one place"),
        ({"keys": {"region_key_variable": "K", "region_key_file": "/k"}}, "one place"),
        ({"keys": {"database": DATABASE, "folder": "/f"}}, "one key store"),
        ({"keys": {"database": DATABASE}, "database": DATABASE}, "own database"),
        ({"keys": {"region_key": "secret"}}, "region_key"),
        ({"customer_services": [{**CUSTOMERS, "country": "US"}]}, "stand in US"),
        ({"customer_services": [CUSTOMERS, CUSTOMERS]}, "same signing_region"),
        ({"customer_services": [{**CUSTOMERS, "kms": None, "s3": None}]}, "offers nothing"),
        (
            {"customer_services": [{**CUSTOMERS, "kms": {"url": "http://kms.example.com", "credentials_file": "/c"}}]},
            "TLS",
        ),
        (
            {"customer_services": [{**CUSTOMERS, "s3": {"url": "http://s3.example.com", "credentials_file": "/c"}}]},
            "TLS",
        ),
    ],
)
def test_what_is_outside_or_double_is_refused(members: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=message):
        region_settings(tmp_path, **members)
