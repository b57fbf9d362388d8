"""Opens what a region keeps the content of its projects in: the object store and the keys."""

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientTimeout

from domicile.apps.databases import open_database
from domicile.apps.region.credentials import aws_credentials, secret_lines
from domicile.apps.region.customer_services import open_bucket_services, open_key_services
from domicile.apps.region.enrollment import RegionStartError
from domicile.apps.region.foundation import Foundation
from domicile.apps.region.storage import MIGRATIONS
from domicile.data_plane.egress import EgressPolicy, session_to
from domicile.data_plane.egress_relay import relay_to
from domicile.data_plane.files.quota import StorageQuota
from domicile.data_plane.files.service import FileService
from domicile.data_plane.files.uploads import UploadService
from domicile.data_plane.storage.external_keys import ExternalKeys
from domicile.data_plane.storage.key_store import FolderKeyStore, KeyStore
from domicile.data_plane.storage.key_store_database import DatabaseKeyStore
from domicile.data_plane.storage.kms import KmsRegionKey, KmsService
from domicile.data_plane.storage.object_store import LocalObjectStore, ObjectStore
from domicile.data_plane.storage.object_stores import RegionStores
from domicile.data_plane.storage.objects import Objects
from domicile.data_plane.storage.project_keys import ProjectKeys
from domicile.data_plane.storage.region_key import (
    HeldRegionKeys,
    RegionKeyProvider,
    new_key_line,
    parse_keys,
    read_key_file,
)
from domicile.data_plane.storage.remote_stores import Bucket, azure_store, s3_store
from domicile.kernel.clock import Clock
from domicile.settings.content import AzureSettings, KmsSettings, S3Settings
from domicile.settings.installation import RegionSettings

_KMS_S = 10.0
_KMS_CONNECTIONS = 8

_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Content:
    """The objects of a region, the keys of its projects, their files, and those that arrive in parts."""

    stores: RegionStores
    objects: Objects
    external_keys: ExternalKeys
    keys: ProjectKeys
    files: FileService
    uploads: UploadService


async def open_content(base: Foundation, stack: AsyncExitStack) -> Content:
    """Open what a region keeps content in. `stack` closes it.

    Raises `RegionStartError` when the region's key or the store's credentials are missing or unreadable, and
    `EgressRefusedError` for a store outside the region.
    """
    settings = base.settings
    external = ExternalKeys(await open_key_services(settings, base.egress, base.clock, stack), base.snapshots)
    keys = await open_keys(settings, base.egress, base.clock, stack, external)
    own = await _object_store(settings, base.egress, stack)
    database = base.storage.region
    stores = RegionStores(own, await open_bucket_services(settings, base.egress, stack), base.snapshots, database)
    objects = Objects(stores, keys, database, base.clock)
    quota = StorageQuota(settings.limits.project_files, settings.limits.project_storage_gib * _GIB)
    files = FileService(database, objects, keys, base.clock, quota)
    uploads = UploadService(database, objects, keys, base.clock, quota)
    return Content(stores, objects, external, keys, files, uploads)


async def open_keys(
    settings: RegionSettings,
    egress: EgressPolicy,
    clock: Clock,
    stack: AsyncExitStack,
    external: ExternalKeys | None = None,
) -> ProjectKeys:
    """The keys of the region's projects. `stack` closes what is opened. Raises as `open_content`.

    `external`: None in a process that serves no project.
    """
    key_store = await _key_store(settings, egress, stack)
    return ProjectKeys(key_store, await _region_key(settings, key_store, egress, clock, stack), clock, external)


async def _key_store(settings: RegionSettings, egress: EgressPolicy, stack: AsyncExitStack) -> KeyStore:
    configured = settings.keys.database
    if configured.url is None or configured.country is None:
        return FolderKeyStore(settings.keys.folder or settings.data / "project-keys")
    server = egress.database(configured.url, configured.country)
    database = await open_database(configured, settings.data / "keys.db", MIGRATIONS / "keys", destination=server)
    stack.push_async_callback(database.close)
    return DatabaseKeyStore(database)


async def _region_key(
    settings: RegionSettings, key_store: KeyStore, egress: EgressPolicy, clock: Clock, stack: AsyncExitStack
) -> RegionKeyProvider:
    """The configured provider. Without one the key of `data`: a new one at the very first start only."""
    keys, default = settings.keys, settings.data / "region-key"
    if keys.kms is not None:
        return await _kms(keys.kms, egress, clock, stack)
    try:
        if keys.region_key_variable is not None:
            # Taken out, so that no child process inherits it.
            return HeldRegionKeys(parse_keys(os.environ.pop(keys.region_key_variable, "")))
        if keys.region_key_file is None and not await asyncio.to_thread(default.exists):
            if await key_store.projects():
                raise RegionStartError(
                    f"{default} is missing: projects have content that only this key opens. Restore it"
                )
            await asyncio.to_thread(_write_new_key, default)
        return HeldRegionKeys(await asyncio.to_thread(read_key_file, keys.region_key_file or default))
    except ValueError as error:
        raise RegionStartError(f"the region's key: {error}") from None


async def _kms(kms: KmsSettings, egress: EgressPolicy, clock: Clock, stack: AsyncExitStack) -> RegionKeyProvider:
    credentials = await aws_credentials(kms.credentials_file)
    allowed = egress.inside(kms.url, kms.country)
    session = session_to(allowed, ClientTimeout(total=_KMS_S), connections=_KMS_CONNECTIONS, ca_file=kms.ca_file)
    await stack.enter_async_context(session)
    service = KmsService(session, kms.url, kms.signing_region, credentials, clock)
    return KmsRegionKey(service, kms.key_id)


async def _object_store(settings: RegionSettings, egress: EgressPolicy, stack: AsyncExitStack) -> ObjectStore:
    s3, azure = settings.storage.s3, settings.storage.azure
    try:
        if s3 is not None:
            credentials = await aws_credentials(s3.credentials_file)
            bucket = await _bucket(s3, s3.bucket, egress, stack)
            return s3_store(bucket, signing_region=s3.signing_region, credentials=credentials)
        if azure is not None:
            (key,) = await secret_lines(azure.key_file, 1)
            return azure_store(await _bucket(azure, azure.container, egress, stack), account=azure.account, key=key)
    except OSError as error:
        raise RegionStartError(f"the object store: {error.strerror}: {error.filename}") from None
    return LocalObjectStore(settings.storage.folder or settings.data / "objects")


async def _bucket(
    settings: S3Settings | AzureSettings, name: str, egress: EgressPolicy, stack: AsyncExitStack
) -> Bucket:
    certificates = None if settings.ca_file is None else await asyncio.to_thread(settings.ca_file.read_bytes)
    relay = await stack.enter_async_context(relay_to(egress.inside(settings.url, settings.country)))
    return Bucket(settings.url, name, relay, certificates)


def _write_new_key(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        # Another replica has made it meanwhile.
        return
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(new_key_line() + "\n")
        file.flush()
        os.fsync(descriptor)
