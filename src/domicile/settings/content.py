"""Where a region keeps the content of its projects, and the keys that open it."""

from domicile.settings.paths import ConfigPath
from domicile.settings.values import SettingsBlock


class StorageSettings(SettingsBlock):
    """The object store: files and batches, sealed."""

    folder: ConfigPath | None = None
    """A folder of this machine. None: `objects` in the region's `data`."""


class KeySettings(SettingsBlock):
    """The keys that open a region's content. Both places must be outside of the database's backups (docs/storage.md)."""

    region_key_file: ConfigPath | None = None
    """The region's keys: 32 bytes in base64, one on each line, the current one first. None: `region-key` in the region's
    `data`, made at the first start."""
    folder: ConfigPath | None = None
    """The key store: the wrapped key of each project. None: `project-keys` in the region's `data`."""
