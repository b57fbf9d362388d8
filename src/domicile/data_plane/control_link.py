"""The region's only connection to the control plane: signed calls to the boundary listener, with boundary types (design 2)."""

import os
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec
import structlog
from aiohttp import ClientTimeout

from domicile.boundary import protocol, signing
from domicile.boundary.enrollment import EnrollmentReceipt, EnrollmentRequest
from domicile.boundary.snapshot import SignedManifest, SnapshotQuery
from domicile.boundary.time import SignedTime, TimeQuery
from domicile.boundary.usage import Received
from domicile.data_plane.egress import destination, session_to
from domicile.data_plane.identity import Enrollment, Identity
from domicile.kernel.clock import Clock

log = structlog.get_logger("control_link")

T = TypeVar("T")

# Enough for a poll, some reports and a shard at the same time.
_CONNECTIONS = 8
_TIMEOUT = ClientTimeout(total=protocol.LONG_POLL_S + 10, sock_connect=2)


class ControlUnreachableError(Exception):
    """No usable answer: the control plane or the network is down, or the answer was 5xx or unreadable."""


UNKNOWN_CODE = "unknown"


class ControlRefusedError(Exception):
    """The call was refused with a 4xx. `code` is the error body's; `UNKNOWN_CODE` without one, perhaps from a proxy."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


class ControlLink:
    """Makes calls as one replica of one region. Call `close` at the end."""

    def __init__(
        self,
        boundary_url: str,
        country: str,
        identity: Identity,
        replica: str,
        clock: Clock,
        *,
        ca_file: Path | None = None,
    ) -> None:
        """`country`: where the control plane stands. `ca_file`: the only CA certificates to trust; None for the system's.

        Raises OSError when `ca_file` cannot be read.
        """
        self._url = boundary_url
        self._identity = identity
        self._enrollment = identity.enrollment
        self._replica = replica
        self._clock = clock
        self._ahead_ms = 0
        self._session = session_to(
            destination(boundary_url, country), _TIMEOUT, connections=_CONNECTIONS, ca_file=ca_file
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def trust(self, enrollment: Enrollment) -> None:
        """Set the control plane whose signed time is accepted."""
        self._enrollment = enrollment

    async def enroll(self, request: EnrollmentRequest) -> EnrollmentReceipt:
        """Enroll this region with the token's secret and the region's public key. Raises `ControlRefusedError`."""
        body = await self._call("POST", protocol.ENROLL, msgspec.json.encode(request))
        return _decode(body, EnrollmentReceipt)

    async def newer_snapshot(self, held: SnapshotQuery) -> SignedManifest | None:
        """Wait for a newer manifest than `held`. None when the long poll ends without one. `held` also acknowledges."""
        body = await self._call("POST", protocol.SNAPSHOT, msgspec.json.encode(held))
        return _decode(body, SignedManifest) if body else None

    async def shard(self, sha256: str) -> bytes:
        """A shard's bytes, not verified."""
        return await self._call("GET", f"{protocol.SHARD}/{sha256}", b"")

    async def report(self, path: str, body: bytes) -> Received:
        """Deliver an encoded usage or audit report to the boundary path `path`."""
        return _decode(await self._call("POST", path, body), Received)

    async def _call(self, method: str, path: str, body: bytes) -> bytes:
        status, answer = await self._send(method, path, body)
        if status == 403 and _code_of(answer) == "bad_signature" and self._adopt(await self._signed_time()):
            status, answer = await self._send(method, path, body)
        if status in {200, 204}:
            return answer
        if 400 <= status < 500:
            raise ControlRefusedError(status, _code_of(answer))
        raise ControlUnreachableError(str(status))

    async def _send(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        headers = signing.request_headers(
            self._identity.key,
            region=self._identity.code,
            replica=self._replica,
            method=method,
            target=path,
            timestamp_ms=self._clock.now_ms() + self._ahead_ms,
            body=body,
        )
        headers["content-type"] = "application/json"
        try:
            async with self._session.request(
                method, self._url + path, data=body, headers=headers, allow_redirects=False
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ControlUnreachableError(type(error).__name__) from None

    async def _signed_time(self) -> int | None:
        """The control plane's signed time in milliseconds. None when it is not available or not valid.

        The `Date` header is no substitute, as it is not signed: an attacker in between could make the region sign a call for a
        later time, and replay it then.
        """
        enrollment = self._enrollment
        if enrollment is None or enrollment.root_key is None:
            return None
        nonce = os.urandom(32)
        status, answer = await self._send("POST", protocol.TIME, msgspec.json.encode(TimeQuery(nonce)))
        if status != 200:
            return None
        try:
            now_ms, certificate = signing.open_time(enrollment.root_key, _decode(answer, SignedTime), nonce)
        except signing.BadSignatureError:
            log.error("time_refused", reason="bad signature")
            return None
        if certificate.installation_id != enrollment.installation_id or certificate.serial < enrollment.serial:
            log.error("time_refused", reason="another installation's, or a key that has been replaced")
            return None
        return now_ms

    def _adopt(self, control_ms: int | None) -> bool:
        """Sign by the control plane's clock from now on, if the clocks differ enough. Returns whether the correction changed.

        A region with a wrong clock must still get revocations. The time in a signature only protects against replays.
        """
        if control_ms is None:
            return False
        ahead_ms = control_ms - self._clock.now_ms()
        if abs(ahead_ms - self._ahead_ms) < signing.CLOCK_TOLERANCE_MS // 2:
            return False
        log.warning("clock_differs", seconds=ahead_ms // 1000)
        self._ahead_ms = ahead_ms
        return True


class _ErrorBody(msgspec.Struct):
    code: str | None = None


class _Envelope(msgspec.Struct):
    error: _ErrorBody


def _code_of(answer: bytes) -> str:
    try:
        return msgspec.json.decode(answer, type=_Envelope).error.code or UNKNOWN_CODE
    except (ValueError, RecursionError):
        return UNKNOWN_CODE


def _decode(answer: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=type_)
    except (ValueError, RecursionError):
        # Another server, or an incompatible control plane. Its text stays out of logs.
        raise ControlUnreachableError("unknown answer") from None
