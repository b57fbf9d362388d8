"""Turns a key or a signature into a principal. Services take principals as arguments, so no check can be skipped."""

from collections.abc import Callable

import msgspec
from sqlalchemy import or_, select
from starlette.datastructures import Headers

from domicile.boundary import signing
from domicile.control_plane import control_errors
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Platform, Reader
from domicile.control_plane.principals.principal import Administrator, EnrolledRegion, Operator
from domicile.kernel import api_keys, errors
from domicile.kernel.clock import Clock
from domicile.kernel.errors import DomicileError
from domicile.kernel.ids import ReplicaId
from domicile.web.operator_keys import OperatorKeys
from domicile.web.presented_key import presented_key


class Authentication:
    """Checks the keys and signatures of both listeners."""

    def __init__(
        self,
        reader: Reader,
        clock: Clock,
        *,
        installation_id: str,
        operator_keys: OperatorKeys,
        used: Callable[[str], None] = lambda _key_id: None,
    ) -> None:
        """`used`: told the id of each accepted admin key."""
        self._reader = reader
        self._clock = clock
        self._installation_id = installation_id
        self._operator_keys = operator_keys
        self._used = used

    def admin_key(self, headers: Headers) -> str:
        """The request's admin key, checked by its form only. Raises 401 for a malformed key, 403 for a project's key."""
        key = presented_key(headers.raw)
        parsed = api_keys.parse(key, self._installation_id)
        if parsed is None:
            raise errors.invalid_key(key)
        if parsed.realm != api_keys.ADMIN:
            raise control_errors.admin_key_required()
        return key

    def region_of(self, key: str) -> str | None:
        """The code of the region that a project's key names, or None for any other key."""
        parsed = api_keys.parse(key, self._installation_id)
        return None if parsed is None or parsed.realm == api_keys.ADMIN else parsed.realm

    async def administrator(self, headers: Headers) -> Administrator:
        """The administrator to whom the request's admin key belongs.

        Raises 401 for a key that is malformed, unknown, deleted or expired, or when `OpenAI-Organization` names another
        organization; 403 for a project's key.
        """
        key = self.admin_key(headers)
        found = await self._live_admin_key(key)
        if found is None:
            raise errors.invalid_key(key)
        organization = headers.get("openai-organization")
        if organization is not None and organization != found.organization_id:
            raise errors.mismatched_project("OpenAI-Organization")
        self._used(found.admin_key_id)
        return found

    def operator(self, headers: Headers) -> Operator:
        """The operator, proved by the operator key. Raises 403 for an organization's key, 401 for any other text."""
        key = presented_key(headers.raw)
        if self._operator_keys.accept(key):
            return Operator()
        if api_keys.parse(key, self._installation_id) is not None:
            raise _operator_key_required()
        raise errors.invalid_key(key)

    def check_signed(self, headers: Headers) -> None:
        """Raises 403 `bad_signature` for a missing signature header, or a timestamp that is off by more than 300 s.

        `region` verifies the signature itself.
        """
        try:
            names = (signing.REGION_HEADER, signing.REPLICA_HEADER, signing.SIGNATURE_HEADER)
            is_signed = all(headers[name] for name in names)
            age_ms = self._clock.now_ms() - int(headers[signing.TIMESTAMP_HEADER])
        except (KeyError, ValueError):
            raise _bad_signature() from None
        if not is_signed or abs(age_ms) > signing.CLOCK_TOLERANCE_MS:
            raise _bad_signature()

    async def region(self, headers: Headers, *, method: str, target: str, body: bytes) -> EnrolledRegion:
        """The enrolled region that signed the call. Raises 403 `bad_signature` for every defect."""
        try:
            code = headers[signing.REGION_HEADER]
            replica = msgspec.convert(headers[signing.REPLICA_HEADER], ReplicaId)
            signing.verify_request(
                await self._public_key(code),
                region=code,
                replica=replica,
                method=method,
                target=target,
                timestamp_ms=int(headers[signing.TIMESTAMP_HEADER]),
                signature=headers[signing.SIGNATURE_HEADER],
                body=body,
                now_ms=self._clock.now_ms(),
            )
        except (KeyError, ValueError) as error:
            # BadSignatureError and msgspec's ValidationError are ValueErrors.
            raise _bad_signature() from error
        return EnrolledRegion(code, replica)

    async def _live_admin_key(self, key: str) -> Administrator | None:
        table = tables.admin_key
        query = select(table.c.organization_id, table.c.id).where(
            table.c.sha256 == api_keys.sha256(key),
            table.c.deleted_at_ms.is_(None),
            or_(table.c.expires_at_ms.is_(None), table.c.expires_at_ms > self._clock.now_ms()),
        )
        async with self._reader.reading(Platform()) as reading:
            row = await reading.first(query)
        return None if row is None else Administrator(row.organization_id, row.id)

    async def _public_key(self, code: str) -> bytes:
        async with self._reader.reading(Platform()) as reading:
            row = await reading.first(select(tables.region.c.public_key).where(tables.region.c.code == code))
        if row is None:
            raise KeyError(code)
        public_key: bytes = row.public_key
        return public_key


def _operator_key_required() -> DomicileError:
    return errors.forbidden(
        "operator_key_required", "This endpoint takes the operator key (opk-...), not a key of an organization."
    )


def _bad_signature() -> DomicileError:
    return errors.forbidden(
        "bad_signature", "This call is not signed by an enrolled region, or its clock differs by more than 300 seconds."
    )
