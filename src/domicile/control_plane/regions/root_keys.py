"""Which root key each region trusts: it says so with every poll, and after a rotation that is its acknowledgement."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.principals.principal import EnrolledRegion
from domicile.control_plane.publication.publisher import Publisher
from domicile.control_plane.regions.repository import take_root_key, taken_root_keys

log = structlog.get_logger("root_keys")


class RootKeys:
    """Keeps the newest that each region has named."""

    def __init__(self, changes: Changes, publisher: Publisher) -> None:
        self._changes = changes
        self._publisher = publisher
        self._said: dict[str, str] = {}

    async def heard(self, region: EnrolledRegion, key_id: str | None) -> None:
        """A poll named this key. A database that cannot keep that now is no reason to leave the poll unanswered."""
        if key_id is None or self._said.get(region.code) == key_id:
            return
        try:
            await self._keep(region, key_id)
        except SQLAlchemyError as error:
            log.error("root_key_not_kept", region=region.code, type=type(error).__name__)

    async def _keep(self, region: EnrolledRegion, key_id: str) -> None:
        """Never an older one again: while a region takes a new key, its replicas name both for a moment."""
        order = self._publisher.signer.root_key_ids
        if key_id not in order:
            log.error("root_key_unknown", region=region.code, key_id=key_id)
            return
        async with self._changes.begin(region) as change:
            before = (await taken_root_keys(change)).get(region.code)
            if before not in order or order.index(before) < order.index(key_id):
                writing = await change.record(Event("region.root_key_taken", key_id, region=region.code))
                await take_root_key(writing, region.code, key_id, change.now_ms)
        self._said[region.code] = key_id
