"""Snapshots with customers' own keys and buckets, and a region's settings for them."""

from typing import Any

from domicile.boundary.outside_services import ExternalKeyRecord, ExternalStorageRecord
from domicile.boundary.snapshot import KeyRecord, ProjectRecord, Shard
from domicile.data_plane.snapshot.table import SnapshotTable
from tests.platform.object_servers import S3_REGION, S3Server
from tests.unit.data_plane.region_parts import (
    ORGANIZATION,
    PROJECT,
    organization_record,
    project_record,
    snapshot_table,
)

KEY, OTHER_KEY = "extkey_" + "A" * 24, "extkey_" + "B" * 24
STORAGE = "extstore_" + "A" * 24
NOWHERE_ARN = "arn:aws:kms:us-east-1:123456789012:key/1"


def key_record_of(arn: str, external_key_id: str = KEY, **members: Any) -> ExternalKeyRecord:
    values: dict[str, Any] = {"organization_id": ORGANIZATION, "check": 1, **members}
    return ExternalKeyRecord(external_key_id=external_key_id, kms_arn=arn, **values)


def storage_record(bucket: str, **members: Any) -> ExternalStorageRecord:
    values: dict[str, Any] = {
        "external_storage_id": STORAGE,
        "project_id": PROJECT,
        "signing_region": S3_REGION,
        "country": "DE",
        "check": 1,
        **members,
    }
    return ExternalStorageRecord(bucket=bucket, **values)


def customers_table(
    *records: ExternalKeyRecord | ExternalStorageRecord,
    project: ProjectRecord | None = None,
    others: tuple[ProjectRecord, ...] = (),
    keys: tuple[KeyRecord, ...] = (),
) -> SnapshotTable:
    """One organization whose project names the first key, where there is one."""
    external = tuple(each for each in records if isinstance(each, ExternalKeyRecord))
    storages = tuple(each for each in records if isinstance(each, ExternalStorageRecord))
    named = external[0].external_key_id if external else None
    projects = (project or project_record(external_key_id=named), *others)
    return snapshot_table(
        Shard("eu", 0, (organization_record(),), projects, keys, external_keys=external, external_storages=storages)
    )


def customer_services(server: S3Server, credentials_file: str) -> list[dict[str, Any]]:
    """The settings that name this server for both services."""
    service = {"url": server.url, "credentials_file": credentials_file, "ca_file": str(server.issuer.ca_file)}
    return [{"signing_region": S3_REGION, "country": "DE", "kms": service, "s3": service}]
