"""Opens what a region keeps the content of its projects in: the object store and the keys."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from domicile.apps.region.enrollment import StartError
from domicile.apps.region.foundation import Foundation
from domicile.data_plane.storage.key_store import FolderKeyStore, KeyStore
from domicile.data_plane.storage.object_store import LocalObjectStore
from domicile.data_plane.storage.objects import Objects
from domicile.data_plane.storage.project_keys import ProjectKeys
from domicile.data_plane.storage.region_key import HeldRegionKeys, RegionKeyProvider, new_key_line, read_key_file


@dataclass(frozen=True, slots=True)
class Content:
    """The objects of a region, and the keys of its projects."""

    objects: Objects
    keys: ProjectKeys


async def open_content(base: Foundation) -> Content:
    """Removes what killed processes left of uploads. Raises `StartError` when the region's key is missing or unreadable."""
    settings = base.settings
    key_store = FolderKeyStore(settings.keys.folder or settings.data / "project-keys")
    region_key = await _region_key(settings.keys.region_key_file, settings.data / "region-key", key_store)
    keys = ProjectKeys(key_store, region_key, base.clock)
    store = LocalObjectStore(settings.storage.folder or settings.data / "objects")
    await store.sweep()
    return Content(Objects(store, keys, base.storage.region, base.clock), keys)


async def _region_key(configured: Path | None, default: Path, key_store: KeyStore) -> RegionKeyProvider:
    """The key of the file. A new one at the very first start, and only if no file is configured."""
    if configured is None and not await asyncio.to_thread(default.exists):
        if await key_store.projects():
            raise StartError(f"{default} is missing, and projects have content that only this key opens: restore it")
        await asyncio.to_thread(_write_new_key, default)
    try:
        return HeldRegionKeys(await asyncio.to_thread(read_key_file, configured or default))
    except ValueError as error:
        raise StartError(f"the region's key: {error}") from None


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
