"""Where the objects of each project lie: in the region's own store, or in a bucket of the customer's own."""

import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import select

from domicile.boundary.outside_services import CheckOutcome, ExternalStorageRecord
from domicile.data_plane import region_errors
from domicile.data_plane.region_errors import Unavailability
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.data_plane.storage.key_store import ProjectDestroyedError
from domicile.data_plane.storage.object_store import ObjectMissingError, ObjectStore, ObjectStoreUnavailableError
from domicile.data_plane.storage.unavailability import OutsideServiceUnavailableError
from domicile.data_plane.tables import stored_object
from domicile.kernel.errors import DomicileError
from domicile.kernel.ids import new_id
from domicile.persistence.database import Database

_OPEN_MAX = 256
"""Buckets that stay open. Another one closes the one that was used longest ago."""
_PROBE_BYTES = 32


@dataclass(frozen=True, slots=True, order=True)
class CustomerBucket:
    """A customer's bucket in which objects of a project lie."""

    name: str
    signing_region: str


class ExternalStorageUnavailableError(OutsideServiceUnavailableError, ObjectStoreUnavailableError):
    """The customer's own bucket cannot be used."""

    def as_error(self) -> DomicileError:
        """503 that says who must do what."""
        return region_errors.external_storage_unavailable(self.reason)


class BucketService(Protocol):
    """The buckets of one signing region, as the operator has configured them."""

    @property
    def country(self) -> str:
        """Where they stand."""

    def open(self, bucket: str, prefix: str) -> ObjectStore:
        """A bucket, whose objects' names all begin with `prefix` and a slash. Connects to nothing yet."""


class ObjectStores(Protocol):
    """Finds the store of a project's objects."""

    @property
    def own(self) -> ObjectStore:
        """The region's own store."""

    async def for_new_content(self, project_id: str) -> CustomerBucket | None:
        """The bucket that takes the project's next object. None: the region's own store.

        Raises `ProjectDestroyedError`, and `ExternalStorageUnavailableError` for a bucket that is not offered.
        """

    def store(self, project_id: str, bucket: CustomerBucket | None) -> ObjectStore:
        """The store of the project's objects in this bucket. None: the region's own.

        Raises `ExternalStorageUnavailableError`.
        """


class OwnStoreOnly:
    """`ObjectStores` of a region without customers' buckets."""

    def __init__(self, own: ObjectStore) -> None:
        self.own = own

    async def for_new_content(self, project_id: str) -> CustomerBucket | None:
        """Always the region's own store."""
        return None

    def store(self, project_id: str, bucket: CustomerBucket | None) -> ObjectStore:
        """The region's own store."""
        if bucket is not None:
            raise ExternalStorageUnavailableError(Unavailability.NOT_OFFERED)
        return self.own


class RegionStores:
    """The `ObjectStores` of a region's process."""

    def __init__(
        self,
        own: ObjectStore,
        services: Mapping[str, BucketService],
        snapshots: CurrentSnapshot,
        database: Database,
    ) -> None:
        """`services`: by signing region, those that the operator has configured. No other is ever called."""
        self.own = own
        self._services = services
        self._snapshots = snapshots
        self._database = database
        self._open: OrderedDict[tuple[str, CustomerBucket], ObjectStore] = OrderedDict()

    async def for_new_content(self, project_id: str) -> CustomerBucket | None:
        """Return the bucket that the snapshot names for the project."""
        table = self._snapshots.table
        if table is None or project_id not in table.projects:
            return await self._of_archived(project_id)
        record = table.external_storages.get(project_id)
        if record is None:
            if await self._found(project_id) is not None:
                # The control plane has lost its record, as by a restored backup. The region's own store takes no one's place.
                raise ExternalStorageUnavailableError(Unavailability.CONTRADICTORY)
            return None
        self._require_offered(record)
        return CustomerBucket(record.bucket, record.signing_region)

    def store(self, project_id: str, bucket: CustomerBucket | None) -> ObjectStore:
        """Return the store, which stays open for the next call."""
        if bucket is None:
            return self.own
        place = (project_id, bucket)
        store = self._open.get(place)
        if store is None:
            store = self._open[place] = self._service(bucket.signing_region).open(bucket.name, project_id)
        self._open.move_to_end(place)
        if len(self._open) > _OPEN_MAX:
            self._open.popitem(last=False)
        return store

    async def check(self, record: ExternalStorageRecord) -> CheckOutcome:
        """Store, read and delete a small random object. Raises nothing."""
        name, content, answers = new_id("check_"), os.urandom(_PROBE_BYTES), False

        async def source() -> AsyncIterator[bytes]:
            yield content

        try:
            self._require_offered(record)
            store = self.store(record.project_id, CustomerBucket(record.bucket, record.signing_region))
            await store.put(name, source())
            answers = is_same = await store.read(name, 0, len(content)) == content
            await store.delete(name)
        except ExternalStorageUnavailableError as error:
            # S3 answers 200 with an error inside when it forbids a deletion.
            return CheckOutcome.REFUSED if answers else CheckOutcome(error.reason.value)
        except ObjectMissingError:
            return CheckOutcome.REFUSED
        except ObjectStoreUnavailableError:
            return CheckOutcome.UNREACHABLE
        return CheckOutcome.USABLE if is_same else CheckOutcome.REFUSED

    def _require_offered(self, record: ExternalStorageRecord) -> None:
        """A bucket that its customer declares for another country than the operator is not where its service is."""
        if self._service(record.signing_region).country != record.country:
            raise ExternalStorageUnavailableError(Unavailability.NOT_OFFERED)

    def _service(self, signing_region: str) -> BucketService:
        service = self._services.get(signing_region)
        if service is None:
            raise ExternalStorageUnavailableError(Unavailability.NOT_OFFERED)
        return service

    async def _of_archived(self, project_id: str) -> CustomerBucket | None:
        """Where a project lies that is in no snapshot: the results of its last lines go to what it has already."""
        found = await self._found(project_id)
        if found is None:
            one = select(stored_object.c.object_id).where(stored_object.c.project_id == project_id).limit(1)
            async with self._database.reading() as connection:
                if (await connection.execute(one)).first() is None:
                    raise ProjectDestroyedError
        return found

    async def _found(self, project_id: str) -> CustomerBucket | None:
        """The newest customer's bucket in which the project has objects."""
        table = stored_object
        placed = select(table.c.bucket, table.c.signing_region)
        placed = placed.where(table.c.project_id == project_id, table.c.bucket.is_not(None))
        async with self._database.reading() as connection:
            row = (await connection.execute(placed.order_by(table.c.changed_at_ms.desc()).limit(1))).first()
        return None if row is None else bucket_of(row.bucket, row.signing_region)


def bucket_of(name: str | None, signing_region: str | None) -> CustomerBucket | None:
    """The bucket in the columns of a row."""
    return None if name is None or signing_region is None else CustomerBucket(name, signing_region)
