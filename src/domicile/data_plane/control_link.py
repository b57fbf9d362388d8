"""The region's one way to the control plane: signed calls to the boundary listener, boundary types only (design 2)."""

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

# A poll, some reports and a shard at the same time.
_CONNECTIONS = 8
_TIMEOUT = ClientTimeout(total=protocol.LONG_POLL_S + 10, sock_connect=2)


class ControlUnreachableError(Exception):
    """No usable answer: the control plane is away, or the network between. The region goes on without it."""


UNKNOWN_CODE = "unknown"


class ControlRefusedError(Exception):
    """The call was refused. `code` is from the error envelope; `UNKNOWN_CODE`: something in between may have answered."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


class ControlLink:
    """Calls as one region and one replica. `open` and `close` frame its life."""

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
        """`ca_file`: the only certificates to trust there; else the system's. Raises OSError when it cannot be read."""
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
        """Ends every call."""
        await self._session.close()

    def trust(self, enrollment: Enrollment) -> None:
        """Whose word about the time counts from now on."""
        self._enrollment = enrollment

    async def enroll(self, request: EnrollmentRequest) -> EnrollmentReceipt:
        """Shows the token's secret and this region's public key. Raises `ControlRefusedError` with the reason's code."""
        body = await self._call("POST", protocol.ENROLL, msgspec.json.encode(request))
        return _decode(body, EnrollmentReceipt)

    async def newer_snapshot(self, held: SnapshotQuery) -> SignedManifest | None:
        """A newer manifest, as soon as there is one; None when the poll's time is over. `held` also acknowledges."""
        body = await self._call("POST", protocol.SNAPSHOT, msgspec.json.encode(held))
        return _decode(body, SignedManifest) if body else None

    async def shard(self, sha256: str) -> bytes:
        """A shard's bytes, not yet checked."""
        return await self._call("GET", f"{protocol.SHARD}/{sha256}", b"")

    async def report(self, path: str, body: bytes) -> Received:
        """Delivers a usage or audit report."""
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
        """The control plane's time in milliseconds, in its signed words. None when they are not to be had.

        The `Date` of an answer is signed by nobody: whoever stands between could have a call signed for any time, and
        replay it then.
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
        """Signs by the control plane's clock from now on, when the two are far apart. A wrong clock in a region must not
        keep a revocation from it, and the time in a signature only protects the control plane from replays."""
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
        # Not the control plane, or one that this version does not understand; its text stays out of logs.
        raise ControlUnreachableError("unknown answer") from None
