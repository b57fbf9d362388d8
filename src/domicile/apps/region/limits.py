"""Opens what the rate limits of a region are counted in: this process's memory, or a store that its processes share."""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from domicile.apps.region.foundation import Foundation
from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.limits.places import EnginePlaces
from domicile.data_plane.limits.quotas import LocalQuotas, Quotas
from domicile.data_plane.limits.replicas import KnownReplicas
from domicile.data_plane.limits.shared_quotas import SharedQuotas
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.kernel.ids import new_id
from domicile.settings.limit_store import LimitStoreSettings

if TYPE_CHECKING:
    from domicile.data_plane.limits.valkey_store import ValkeyStore


@dataclass(frozen=True, slots=True)
class CountedLimits:
    """`shared`: the quotas, where a store is configured."""

    quotas: Quotas
    places: EnginePlaces
    shared: SharedQuotas | None
    background: tuple[Callable[[], Coroutine[Any, Any, None]], ...]


async def open_limits(base: Foundation, stack: AsyncExitStack) -> CountedLimits:
    """Open the store, if one is configured. `stack` closes it. A store that is away does not stop the start.

    Raises `EgressRefusedError` for a store outside the region, OSError if a file of its settings cannot be read.
    """
    metering, configured = base.storage.metering, base.settings.limits.store
    replicas = KnownReplicas(base.snapshots, MeteringRepository(metering).live_writers if metering.is_shared else None)
    await replicas.look()
    in_region = base.settings.batches.in_region
    parts = (lambda: replicas.fraction, lambda: replicas.batch_fraction(in_region=in_region))
    if configured is None:
        alone = EnginePlaces(*parts)
        quotas = LocalQuotas(fraction=lambda: replicas.fraction)
        return CountedLimits(quotas, alone, None, (replicas.run, alone.run) if metering.is_shared else ())
    share = configured.outage_share
    store = _open_store(configured, base.egress, stack)
    # Another installation may have a region of this code, and engines of these names, at the same server.
    region = f"{base.installation_id} {base.settings.code}"
    shared = SharedQuotas(store, region, lambda: replicas.fraction if share is None else share)
    stack.push_async_callback(shared.return_leases, everything=True)
    places = EnginePlaces(*parts, store=store, region=region, process=new_id("rep_"))
    return CountedLimits(shared, places, shared, (replicas.run, shared.run, places.run))


def _open_store(settings: LimitStoreSettings, egress: EgressPolicy, stack: AsyncExitStack) -> "ValkeyStore":
    # Its client is loaded only where it is used: every process of every other region would pay for it at its start.
    from domicile.data_plane.limits.valkey_store import ValkeyAddress, ValkeyStore

    parts, password = urlsplit(settings.url), settings.password_file
    place = Path(parts.path) if settings.country is None else egress.limit_store(settings.url, settings.country)
    address = ValkeyAddress(
        place or Path(parts.path),
        is_tls=parts.scheme == "rediss",
        trusted=None if settings.ca_file is None else settings.ca_file.read_text("ascii"),
        user=settings.user,
        password=None if password is None else lambda: password.read_text("utf-8").strip(),
    )
    store = ValkeyStore(address, settings.deadline_ms / 1000)
    stack.push_async_callback(store.close)
    return store
