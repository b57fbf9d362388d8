"""The `LimitStore` and `PlaceStore` in Valkey or Redis. Imported only where a store is configured."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider

from domicile.data_plane.limits.places import PlaceGrant, PlaceReport
from domicile.data_plane.limits.store import Ask, Given, StoreAwayError, Taken
from domicile.kernel.geography import Destination

CONNECTIONS = 16
"""Of one process. A call takes well under a millisecond, so few run at once."""
_TAKE = Path(__file__).with_name("take.lua").read_text("ascii")
_PLACES = Path(__file__).with_name("places.lua").read_text("ascii")


@dataclass(frozen=True, slots=True)
class ValkeyAddress:
    """Where the store is: a checked destination inside the region, or a Unix socket."""

    place: Destination | Path
    is_tls: bool = False
    trusted: str | None = None
    """PEM: root certificates to trust beside the system's."""
    user: str | None = None
    password: Callable[[], str] | None = None
    """Called for every new connection, so that the password can change without a restart."""


class ValkeyStore:
    """Connections to one server. Each call is given up after the deadline, and never repeated: it may have been done."""

    def __init__(self, address: ValkeyAddress, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        pool = BlockingConnectionPool(max_connections=CONNECTIONS, timeout=deadline_s, **_connection(address))
        self._redis = Redis(connection_pool=pool)
        self._take = self._redis.register_script(_TAKE)
        self._places = self._redis.register_script(_PLACES)

    async def take(self, key: bytes, asked: Sequence[Ask]) -> Taken:
        """See `LimitStore`."""
        arguments = [
            value
            for ask in asked
            for value in (int(ask.limit.kind), ask.limit.limit, ask.limit.window_s, *ask[1:4], ask.believed)
        ]
        async with self._in_time():
            refused, *numbers = await self._take([key], arguments)
            given = tuple(Given(extra, left / 1000) for extra, left in zip(numbers[::2], numbers[1::2], strict=True))
            return Taken(given, refused - 1 if refused else None)

    async def places(self, key: bytes, process: str, report: PlaceReport, lease_s: float) -> PlaceGrant:
        """See `PlaceStore`."""
        async with self._in_time():
            granted, is_pressed = await self._places([key], [process, *report, lease_s])
            return PlaceGrant(granted, bool(is_pressed))

    async def ping(self) -> None:
        """See `LimitStore`."""
        async with self._in_time():
            await self._redis.ping()

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.connection_pool.disconnect()

    @asynccontextmanager
    async def _in_time(self) -> AsyncGenerator[None, None]:
        """Turns every failure within the block into `StoreAwayError`, and a missed deadline too."""
        try:
            async with asyncio.timeout(self._deadline_s):
                yield
        except Exception as error:
            # Whatever the client or the server does, a request must not fail for it. The text may quote the command.
            raise StoreAwayError(type(error).__name__) from None


def _connection(address: ValkeyAddress) -> dict[str, Any]:
    """The driver's arguments. It repeats no call, tells the server nothing about itself, and keeps to one address."""
    arguments: dict[str, Any] = {
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "driver_info": None,
        "protocol": 2,
        "credential_provider": None if address.password is None else _Credentials(address.user, address.password),
    }
    if isinstance(address.place, Path):
        return {**arguments, "connection_class": UnixDomainSocketConnection, "path": str(address.place)}
    arguments |= {"host": address.place.host, "port": address.place.port}
    if not address.is_tls:
        return {**arguments, "connection_class": Connection}
    return {**arguments, "connection_class": SSLConnection, "ssl_ca_data": address.trusted}


class _Credentials(CredentialProvider):
    def __init__(self, user: str | None, password: Callable[[], str]) -> None:
        self._user = user
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        return (self._password(),) if self._user is None else (self._user, self._password())
