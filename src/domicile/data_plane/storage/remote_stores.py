"""S3 and Azure Blob through obstore, each held to the one host that the configuration names."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, S3Store

from domicile.data_plane.region_errors import Unavailability
from domicile.data_plane.storage.aws_signature import AwsCredentials
from domicile.data_plane.storage.object_store import ObjectStore, ObstoreObjectStore
from domicile.data_plane.storage.object_stores import ExternalStorageUnavailableError

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


def s3_store(bucket: Bucket, *, signing_region: str, credentials: AwsCredentials) -> ObstoreObjectStore:
    """A store on a bucket of S3."""
    return ObstoreObjectStore(_s3(bucket, signing_region, credentials, prefix=None))


@dataclass(frozen=True, slots=True)
class S3BucketService:
    """A `BucketService` on S3: customers' buckets of one signing region, at the one host that the operator names."""

    url: str
    signing_region: str
    country: str
    credentials: AwsCredentials
    proxy_url: str
    """As of `Bucket`."""
    ca_certificates: bytes | None = None

    def open(self, bucket: str, prefix: str) -> ObjectStore:
        """A customer's bucket. A policy of the bucket can let the region in under this prefix only."""
        reached = Bucket(self.url, bucket, self.proxy_url, self.ca_certificates)
        return ObstoreObjectStore(
            _s3(reached, self.signing_region, self.credentials, prefix=prefix), _customer_unavailable
        )


def _customer_unavailable(error: Exception) -> ExternalStorageUnavailableError:
    """S3 answers 403 for what it forbids, and 404 for a bucket that is gone."""
    is_refused = isinstance(error, PermissionDeniedError | UnauthenticatedError | FileNotFoundError)
    return ExternalStorageUnavailableError(Unavailability.REFUSED if is_refused else Unavailability.UNREACHABLE)


def _s3(bucket: Bucket, signing_region: str, credentials: AwsCredentials, *, prefix: str | None) -> S3Store:
    return S3Store(
        bucket.name,
        prefix=prefix,
        endpoint=bucket.url,
        region=signing_region,
        access_key_id=credentials.key_id,
        secret_access_key=credentials.secret,
        # The bucket is in the path, so that the host is the configured one.
        virtual_hosted_style_request=False,
        client_options=_client(bucket),
        retry_config=_RETRIES,
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
