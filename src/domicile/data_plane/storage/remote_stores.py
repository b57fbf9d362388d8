"""S3 and Azure Blob through obstore, each held to the one host that the configuration names."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from obstore.store import AzureStore, S3Store

from domicile.data_plane.storage.object_store import ObstoreObjectStore

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket or container, and how it is reached."""

    url: str
    name: str
    proxy_url: str
    """The relay that leads to the host of `url` and nowhere else (`egress_relay`)."""
    ca_certificates: bytes | None = None
    """PEM: root certificates to trust beside the system's."""


def s3_store(bucket: Bucket, *, signing_region: str, key_id: str, secret: str) -> ObstoreObjectStore:
    """A store on a bucket of S3."""
    return ObstoreObjectStore(
        S3Store(
            bucket.name,
            endpoint=bucket.url,
            region=signing_region,
            access_key_id=key_id,
            secret_access_key=secret,
            # The bucket is in the path, so that the host is the configured one.
            virtual_hosted_style_request=False,
            client_options=_client(bucket),
            retry_config=_RETRIES,
        )
    )


def azure_store(bucket: Bucket, *, account: str, key: str) -> ObstoreObjectStore:
    """A store on a container of Azure Blob."""
    return ObstoreObjectStore(
        AzureStore(
            bucket.name,
            endpoint=bucket.url,
            account_name=account,
            account_key=key,
            client_options=_client(bucket),
            retry_config=_RETRIES,
        )
    )


# A caller waits for this: a store that is away for longer is an error that the caller hears of.
_RETRIES: "RetryConfig" = {"max_retries": 3}


def _client(bucket: Bucket) -> "ClientConfig":
    options: ClientConfig = {
        "proxy_url": bucket.proxy_url,
        "proxy_excludes": "",
        "connect_timeout": "5s",
        "read_timeout": "30s",
    }
    if bucket.ca_certificates is not None:
        options["root_certificate"] = bucket.ca_certificates
    return options
