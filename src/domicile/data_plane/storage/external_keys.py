"""Keys of organizations' own, in their key management services. One of them wraps a project's key in place of the region's key.

Such a project has no other key: while its organization's key cannot be used, its content cannot be read, and new content is
refused. The wrapped form names the key that wrapped it, so it can be opened for a project that is in no snapshot.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from domicile.boundary.outside_services import CheckOutcome, ExternalKeyRecord
from domicile.data_plane import region_errors
from domicile.data_plane.region_errors import Unavailability
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.data_plane.storage.key_store import ProjectDestroyedError
from domicile.data_plane.storage.kms import KmsRefusedError, KmsService, KmsUnreachableError
from domicile.data_plane.storage.unavailability import OutsideServiceUnavailableError
from domicile.data_plane.storage.wrapping import WRAPPING_KEY_BYTES, WrongKeyError
from domicile.kernel.errors import DomicileError

_FORMAT = b"\x03"
_PROVIDER = "kms"


class ExternalKeyUnavailableError(OutsideServiceUnavailableError):
    """The organization's own key cannot be used."""

    def as_error(self) -> DomicileError:
        """503 that says who must do what."""
        return region_errors.external_key_unavailable(self.reason)


class _Wrapped(msgspec.Struct, forbid_unknown_fields=True):
    """A wrapped key of a project, with what is needed to unwrap it."""

    provider: str
    kms_arn: str
    organization_id: str
    encrypted: bytes


class ExternalKeys:
    """Raises `ExternalKeyUnavailableError`, and `WrongKeyError` for damaged bytes or those of another project."""

    def __init__(self, services: Mapping[str, KmsService], snapshots: CurrentSnapshot) -> None:
        """`services`: by signing region, those that the operator has configured. No other is ever called."""
        self._services = services
        self._snapshots = snapshots

    def key_of(self, project_id: str) -> ExternalKeyRecord | None:
        """The key that has to wrap a new key of the project. None: the region's key.

        Raises `ProjectDestroyedError` for a project that is in no snapshot: nothing says which key it has.
        """
        table = self._snapshots.table
        project = None if table is None else table.projects.get(project_id)
        if table is None or project is None:
            raise ProjectDestroyedError
        if project.external_key_id is None:
            return None
        record = table.external_keys.get(project.external_key_id)
        if record is None or record.organization_id != project.organization_id:
            raise ExternalKeyUnavailableError(Unavailability.CONTRADICTORY)
        return record

    def require_agreement(self, project_id: str, wrapped: bytes) -> None:
        """Refuse a wrapped key that another key has wrapped than the one that the snapshot names for the project."""
        try:
            named = self.key_of(project_id)
        except ProjectDestroyedError:
            # Archived: the wrapped form alone says which key it was.
            return
        wrapped_by = _decoded(wrapped).kms_arn if is_external(wrapped) else None
        if wrapped_by != (None if named is None else named.kms_arn):
            raise ExternalKeyUnavailableError(Unavailability.CONTRADICTORY)

    async def wrap(self, record: ExternalKeyRecord, key: bytes, project_id: str) -> bytes:
        """Return the project's key, wrapped by the organization's."""
        organization_id = record.organization_id
        with _translated():
            encrypted = await self._service(record.kms_arn).encrypt(
                record.kms_arn, key, _context(organization_id, project_id)
            )
        return _FORMAT + msgspec.json.encode(_Wrapped(_PROVIDER, record.kms_arn, organization_id, encrypted))

    async def unwrap(self, wrapped: bytes, project_id: str) -> bytes:
        """Return the project's key."""
        form = _decoded(wrapped)
        context = _context(form.organization_id, project_id)
        with _translated():
            return await self._service(form.kms_arn).decrypt(form.kms_arn, form.encrypted, context)

    async def check(self, record: ExternalKeyRecord) -> CheckOutcome:
        """Wrap and unwrap random bytes. Raises nothing."""
        context = _context(record.organization_id, record.external_key_id)
        probe = os.urandom(WRAPPING_KEY_BYTES)
        try:
            with _translated():
                service = self._service(record.kms_arn)
                encrypted = await service.encrypt(record.kms_arn, probe, context)
                is_same = await service.decrypt(record.kms_arn, encrypted, context) == probe
        except ExternalKeyUnavailableError as error:
            return CheckOutcome(error.reason.value)
        except WrongKeyError:
            return CheckOutcome.REFUSED
        return CheckOutcome.USABLE if is_same else CheckOutcome.REFUSED

    def _service(self, arn: str) -> KmsService:
        # arn:aws:kms:REGION:ACCOUNT:key/ID
        service = self._services.get(arn.split(":")[3])
        if service is None:
            raise ExternalKeyUnavailableError(Unavailability.NOT_OFFERED)
        return service


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except KmsUnreachableError:
        raise ExternalKeyUnavailableError(Unavailability.UNREACHABLE) from None
    except KmsRefusedError:
        raise ExternalKeyUnavailableError(Unavailability.REFUSED) from None


def is_external(wrapped: bytes) -> bool:
    """Whether an organization's own key wrapped this."""
    return wrapped.startswith(_FORMAT)


def _decoded(wrapped: bytes) -> _Wrapped:
    try:
        form = msgspec.json.decode(wrapped[len(_FORMAT) :], type=_Wrapped)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise WrongKeyError from None
    if form.provider != _PROVIDER or form.kms_arn.count(":") < 5:
        raise WrongKeyError
    return form


def _context(organization_id: str, purpose: str) -> dict[str, str]:
    """What a key's policy can demand, so that no other organization's project is ever wrapped by the key.

    `purpose`: the project's id, or in a check the key's.
    """
    return {"domicile-organization": organization_id, "domicile-purpose": purpose}
