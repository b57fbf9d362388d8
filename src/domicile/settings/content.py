"""Where a region keeps the content of its projects, and the keys that open it."""

from typing import Annotated

from pydantic import Field, model_validator

from domicile.settings.database import DatabaseSettings
from domicile.settings.paths import ConfigPath
from domicile.settings.values import Country, HttpUrl, SettingsBlock

SigningRegion = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
"""The provider's name of its region, such as `eu-central-1`."""


class S3Settings(SettingsBlock):
    """A bucket of S3, or of a server that speaks its API."""

    url: HttpUrl
    """The endpoint, `https://...`, without the bucket."""
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    signing_region: SigningRegion
    """The region's name in signatures."""
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


class KmsSettings(SettingsBlock):
    """A key in AWS KMS, or in a service that speaks its API."""

    url: HttpUrl
    """The endpoint, such as `https://kms.eu-central-1.amazonaws.com`."""
    key_id: Annotated[str, Field(min_length=1, max_length=2048)]
    """The id, ARN or alias of a symmetric key."""
    signing_region: SigningRegion
    country: Country
    """The country in which the service stands. Checked against the region's countries."""
    credentials_file: ConfigPath
    """Two lines: the access key's id, and its secret."""
    ca_file: ConfigPath | None = None
    """PEM: the root certificates to trust instead of the system's."""

    @model_validator(mode="after")
    def _over_tls(self) -> "KmsSettings":
        if not self.url.startswith("https:"):
            raise ValueError("a key service is reached over TLS only: its url starts with https:")
        return self


class KeySettings(SettingsBlock):
    """The keys that open a region's content. All places must be outside of the database's backups (docs/storage.md)."""

    region_key_file: ConfigPath | None = None
    """The region's keys: 32 bytes in base64, one on each line, the current one first. None, where neither of the next two is
    set: `region-key` in the region's `data`, made at the first start."""
    region_key_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")] | None = None
    """The environment variable that holds the same instead of a file."""
    kms: KmsSettings | None = None
    """The service that holds the region's key instead."""
    folder: ConfigPath | None = None
    """The key store: the wrapped key of each project. None, without `database`: `project-keys` in the region's `data`."""
    database: DatabaseSettings = DatabaseSettings()
    """The key store of a region with several machines. Never the region's own database."""

    @model_validator(mode="after")
    def _one_of_each(self) -> "KeySettings":
        providers = (self.region_key_file, self.region_key_variable, self.kms)
        if sum(provider is not None for provider in providers) > 1:
            raise ValueError("a region's key has one place: keep one of region_key_file, region_key_variable and kms")
        if self.folder is not None and self.database.url is not None:
            raise ValueError("a region has one key store: keep folder or database")
        return self

    @property
    def countries(self) -> tuple[str, ...]:
        """The countries of services that are not this machine's."""
        named = (None if self.kms is None else self.kms.country, self.database.country)
        return tuple(country for country in named if country is not None)


class CustomerEndpoint(SettingsBlock):
    """One service of a provider, and the region's own account there. Customers let this account use their key or bucket."""

    url: HttpUrl
    """The endpoint, such as `https://kms.eu-central-1.amazonaws.com`, without a bucket."""
    credentials_file: ConfigPath
    """Two lines: the access key's id, and its secret."""
    ca_file: ConfigPath | None = None
    """PEM: for S3 the root certificates to trust beside the system's, for KMS instead of them."""

    @model_validator(mode="after")
    def _over_tls(self) -> "CustomerEndpoint":
        if not self.url.startswith("https:"):
            raise ValueError("a customer's key or bucket is reached over TLS only: the url starts with https:")
        return self


class CustomerServices(SettingsBlock):
    """Where customers' own keys and buckets of one signing region may stand. What is not listed is never called."""

    signing_region: SigningRegion
    country: Country
    """The country in which both services stand. Checked against the region's countries."""
    kms: CustomerEndpoint | None = None
    """The key service. None: no customer's key of this signing region is offered."""
    s3: CustomerEndpoint | None = None
    """The buckets. None: no customer's bucket of this signing region is offered."""

    @model_validator(mode="after")
    def _offers_something(self) -> "CustomerServices":
        if self.kms is None and self.s3 is None:
            raise ValueError("customer_services needs kms, s3 or both: without them it offers nothing")
        return self
