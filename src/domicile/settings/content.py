"""Where a region keeps the content of its projects, and the keys that open it."""

from typing import Annotated

from pydantic import Field, model_validator

from domicile.settings.paths import ConfigPath
from domicile.settings.values import Country, HttpUrl, SettingsBlock


class S3Settings(SettingsBlock):
    """A bucket of S3, or of a server that speaks its API."""

    url: HttpUrl
    """The endpoint, `https://...`, without the bucket."""
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    signing_region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    """The region's name in signatures, such as `eu-central-1`."""
    country: Country
    """The country in which the bucket stands. Checked against the region's countries."""
    credentials_file: ConfigPath
    """Two lines: the access key's id, and its secret."""
    ca_file: ConfigPath | None = None
    """PEM: root certificates to trust beside the system's."""


class AzureSettings(SettingsBlock):
    """A container of Azure Blob Storage."""

    url: HttpUrl
    """The account's blob endpoint, such as `https://ACCOUNT.blob.core.windows.net`."""
    account: Annotated[str, Field(pattern=r"^[a-z0-9]{3,24}$")]
    container: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")]
    country: Country
    """The country in which the container stands. Checked against the region's countries."""
    key_file: ConfigPath
    """One line: a key of the account."""
    ca_file: ConfigPath | None = None
    """PEM: root certificates to trust beside the system's."""


class StorageSettings(SettingsBlock):
    """The object store: files and batches, sealed. At most one of the three."""

    folder: ConfigPath | None = None
    """A folder of this machine. None, where neither `s3` nor `azure` is set: `objects` in the region's `data`."""
    s3: S3Settings | None = None
    azure: AzureSettings | None = None

    @model_validator(mode="after")
    def _one_store(self) -> "StorageSettings":
        if sum(store is not None for store in (self.folder, self.s3, self.azure)) > 1:
            raise ValueError("a region has one object store: keep one of folder, s3 and azure")
        for store in (self.s3, self.azure):
            if store is not None and not store.url.startswith("https:"):
                raise ValueError("an object store is reached over TLS only: its url starts with https:")
        return self

    @property
    def country(self) -> str | None:
        """The country of a store that is not this machine's."""
        store = self.s3 or self.azure
        return None if store is None else store.country


class KeySettings(SettingsBlock):
    """The keys that open a region's content. Both places must be outside of the database's backups (docs/storage.md)."""

    region_key_file: ConfigPath | None = None
    """The region's keys: 32 bytes in base64, one on each line, the current one first. None: `region-key` in the region's
    `data`, made at the first start."""
    folder: ConfigPath | None = None
    """The key store: the wrapped key of each project. None: `project-keys` in the region's `data`."""
