"""Ledger entries as deltas for the control plane (contract C07: this is all that leaves)."""

from collections.abc import Iterable

from domicile.boundary.usage import Usage, UsageDelta
from domicile.data_plane.metering.entry import LedgerEntry

_Key = tuple[object, ...]


def usage_deltas(entries: Iterable[LedgerEntry]) -> tuple[UsageDelta, ...]:
    """One delta for each minute x project x key x model x endpoint x tier x image size among the entries."""
    sums: dict[_Key, tuple[LedgerEntry, int, Usage]] = {}
    for entry in entries:
        key = (
            _minute(entry),
            entry.project_id,
            entry.key_id,
            entry.model,
            entry.endpoint,
            entry.tier,
            entry.batch,
            entry.image_size,
        )
        first, requests, usage = sums.get(key, (entry, 0, Usage()))
        sums[key] = (first, requests + 1, usage + entry.usage)
    return tuple(
        UsageDelta(
            minute=_minute(first),
            organization_id=first.organization_id,
            project_id=first.project_id,
            key_id=first.key_id,
            model=first.model,
            fine_tuned_model=None,
            endpoint=first.endpoint,
            tier=first.tier,
            batch=first.batch,
            requests=requests,
            usage=usage,
            image_size=first.image_size,
        )
        for first, requests, usage in sums.values()
    )


def _minute(entry: LedgerEntry) -> int:
    return entry.at_ms // 60_000
