"""Opens the services in which customers' own keys and buckets may stand, as the operator has configured them."""

import asyncio
from contextlib import AsyncExitStack

from aiohttp import ClientTimeout

from domicile.apps.region.credentials import aws_credentials
from domicile.apps.region.enrollment import RegionStartError
from domicile.data_plane.egress import EgressPolicy, session_to
from domicile.data_plane.egress_relay import relay_to
from domicile.data_plane.storage.kms import KmsService
from domicile.data_plane.storage.remote_stores import S3BucketService
from domicile.kernel.clock import Clock
from domicile.settings.installation import RegionSettings

_KMS_S = 10.0
_KMS_CONNECTIONS = 16


async def open_key_services(
    settings: RegionSettings, egress: EgressPolicy, clock: Clock, stack: AsyncExitStack
) -> dict[str, KmsService]:
    """By signing region. `stack` closes what is opened. Raises `EgressRefusedError`, `RegionStartError`."""
    opened = {}
    for services in settings.customer_services:
        kms = services.kms
        if kms is None:
            continue
        allowed = egress.inside(kms.url, services.country)
        try:
            credentials = await aws_credentials(kms.credentials_file)
            session = session_to(
                allowed, ClientTimeout(total=_KMS_S), connections=_KMS_CONNECTIONS, ca_file=kms.ca_file
            )
        except OSError as error:
            raise _unreadable(error) from None
        await stack.enter_async_context(session)
        opened[services.signing_region] = KmsService(session, kms.url, services.signing_region, credentials, clock)
    return opened


async def open_bucket_services(
    settings: RegionSettings, egress: EgressPolicy, stack: AsyncExitStack
) -> dict[str, S3BucketService]:
    """As `open_key_services`."""
    opened = {}
    for services in settings.customer_services:
        s3 = services.s3
        if s3 is None:
            continue
        try:
            certificates = None if s3.ca_file is None else await asyncio.to_thread(s3.ca_file.read_bytes)
            credentials = await aws_credentials(s3.credentials_file)
        except OSError as error:
            raise _unreadable(error) from None
        relay = await stack.enter_async_context(relay_to(egress.inside(s3.url, services.country)))
        opened[services.signing_region] = S3BucketService(
            s3.url, services.signing_region, services.country, credentials, relay, certificates
        )
    return opened


def _unreadable(error: OSError) -> RegionStartError:
    return RegionStartError(f"customer_services: {error.strerror}: {error.filename}")
