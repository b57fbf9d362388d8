"""Key -> Caller, on the head of a request, before any byte of its body is parsed (design 4.1, contract C12 and C14).

A key names its region. For another region's key the error names the right host. This region does not hash, look up or log
such a key.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from domicile.data_plane import region_errors
from domicile.data_plane.blocks import Blocks
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.snapshot.table import CurrentSnapshot, SnapshotTable
from domicile.kernel import api_keys, errors
from domicile.kernel.api_keys import ParsedKey
from domicile.kernel.clock import Clock
from domicile.kernel.errors import DomicileError
from domicile.web.presented_key import presented_key
from domicile.web.server.trusted_proxies import IpAddress

Headers = Iterable[tuple[bytes, bytes]]


class Authenticator:
    """Checks keys against this region's code, its current snapshot and its local blocks."""

    def __init__(
        self, region: str, installation_id: str, snapshots: CurrentSnapshot, clock: Clock, blocks: Blocks
    ) -> None:
        self._region = region
        self._installation_id = installation_id
        self._snapshots = snapshots
        self._clock = clock
        self._blocks = blocks

    def refuse_other_regions(self, headers: Headers) -> None:
        """Raises `DomicileError` for another region's key; accepts no key or a malformed one. For public paths.

        A client with another region's key uses the wrong host on every path.
        """
        try:
            key = self._parse(presented_key(headers))
        except DomicileError:
            return
        wrong_host = None if key is None else self._wrong_host(key)
        if wrong_host is not None:
            raise wrong_host

    def authenticate(self, headers: Headers) -> Caller:
        """The caller whose key the headers hold. Raises `DomicileError` 401, or 503 while this region has no snapshot yet."""
        headers = list(headers)
        secret = presented_key(headers)
        key = self._parse(secret)
        if key is None:
            raise errors.invalid_key(secret)
        if key.realm != self._region:
            raise self._wrong_host(key) or errors.invalid_key(secret)
        table = self._snapshots.table
        if table is None:
            raise _no_snapshot()
        caller = self._look_up(table, key)
        _check_header(headers, b"openai-project", "OpenAI-Project", caller.project.project_id)
        _check_header(headers, b"openai-organization", "OpenAI-Organization", caller.organization.organization_id)
        return caller

    def serves(self, project_id: str) -> bool:
        """Whether a project is in the snapshot and not blocked here. For requests without a key, such as image links."""
        table = self._snapshots.table
        return table is not None and project_id in table.projects and not self._blocks.cover("", project_id)

    def _parse(self, secret: str) -> ParsedKey | None:
        return api_keys.parse(secret, self._installation_id)

    def _wrong_host(self, key: ParsedKey) -> DomicileError | None:
        """The error for another region's key. None for this region's and Admin keys, and for unknown codes."""
        if key.realm in {self._region, api_keys.ADMIN}:
            return None
        table = self._snapshots.table
        if table is None:
            # The first snapshot brings the directory of hosts. Until then the key may be right.
            return _no_snapshot()
        host = table.directory.get(key.realm)
        return None if host is None else errors.incorrect_hostname(host)

    def _look_up(self, table: SnapshotTable, key: ParsedKey) -> Caller:
        refused = errors.invalid_key(key.secret)
        record = table.keys.get(api_keys.sha256(key.secret))
        if record is None or (record.expires_at_ms is not None and record.expires_at_ms <= self._clock.now_ms()):
            raise refused
        if self._blocks.cover(record.key_id, record.project_id):
            raise refused
        project = table.projects.get(record.project_id)
        organization = None if project is None else table.organizations.get(project.organization_id)
        if project is None or organization is None:
            raise refused
        return Caller(
            organization=organization, project=project, key_id=record.key_id, region=self._region, scopes=record.scopes
        )


def check_network(caller: Caller, address: IpAddress | None) -> None:
    """Raises 401 when the caller's project lists networks and the client's address is in none. None: an unknown address."""
    networks = caller.project.networks
    if networks and (address is None or not any(address in network for network in _parsed(networks))):
        raise region_errors.ip_not_authorized()


@lru_cache(maxsize=1024)
def _parsed(networks: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(network) for network in networks)


def _no_snapshot() -> DomicileError:
    return errors.service_unavailable("This region has not received its configuration yet. Try again shortly.", 2)


def _check_header(headers: Headers, name: bytes, display_name: str, expected: str) -> None:
    for header, value in headers:
        if header == name and value.decode("latin-1").strip() not in {"", expected}:
            raise errors.mismatched_project(display_name)
