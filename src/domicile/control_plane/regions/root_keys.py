"""The root key that each region trusts. A region names it in every poll, which acknowledges a rotation."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.principals.principal import EnrolledRegion
from domicile.control_plane.publication.publisher import Publisher
from domicile.control_plane.regions.repository import take_root_key, taken_root_keys

log = structlog.get_logger("root_keys")


class RootKeys:
    """Stores the newest root key that each region has named."""

    def __init__(self, changes: Changes, publisher: Publisher) -> None:
        self._changes = changes
        self._publisher = publisher
        self._stored: dict[str, str] = {}

    async def heard(self, region: EnrolledRegion, key_id: str | None) -> None:
        """Records the key that a poll names. A database error is logged only, so that the poll is still answered."""
        if key_id is None or self._stored.get(region.code) == key_id:
            return
        try:
            await self._store(region, key_id)
        except SQLAlchemyError as error:
            log.error("root_key_not_kept", region=region.code, type=type(error).__name__)

    async def _store(self, region: EnrolledRegion, key_id: str) -> None:
        """Stores the key unless a newer one is stored: while a region changes its key, its replicas name both for a moment."""
        order = self._publisher.signer.root_key_ids
        if key_id not in order:
            log.error("root_key_unknown", region=region.code, key_id=key_id)
            return
        async with self._changes.begin(region) as change:
            before = (await taken_root_keys(change)).get(region.code)
            if before not in order or order.index(before) < order.index(key_id):
                writing = await change.record(Event("region.root_key_taken", key_id, region=region.code))
                await take_root_key(writing, region.code, key_id, change.now_ms)
        self._stored[region.code] = key_id
