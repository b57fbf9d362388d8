"""Key -> Caller, on the head of a request, before any byte of its body is parsed (design 4.1, contract C12 and C14).

A key names its region. Another region's key is answered with the right host: it is not hashed, not looked up and not logged
here, and no table of this region could know it.
"""

from collections.abc import Iterable

from domicile.data_plane.blocks import Blocks
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.snapshot.table import CurrentSnapshot, SnapshotTable
from domicile.kernel import api_keys, errors
from domicile.kernel.api_keys import ParsedKey
from domicile.kernel.clock import Clock
from domicile.kernel.errors import DomicileError
from domicile.web.presented_key import presented_key

Headers = Iterable[tuple[bytes, bytes]]


class Authenticator:
    """Knows this region's code, its installation's key grammar, its current snapshot and its own blocks."""

    def __init__(
        self, region: str, installation_id: str, snapshots: CurrentSnapshot, clock: Clock, blocks: Blocks
    ) -> None:
        self._region = region
        self._installation_id = installation_id
        self._snapshots = snapshots
        self._clock = clock
        self._blocks = blocks

    def refuse_elsewhere(self, headers: Headers) -> None:
        """Raises `DomicileError` for another region's key, for requests that need none: a client with such a key is wrong
        here, whatever it asks."""
        try:
            key = self._parse(presented_key(headers))
        except DomicileError:
            return
        elsewhere = None if key is None else self._elsewhere(key)
        if elsewhere is not None:
            raise elsewhere

    def authenticate(self, headers: Headers) -> Caller:
        """Who asks. Raises `DomicileError` 401, or 503 while this region has no snapshot yet."""
        headers = list(headers)
        secret = presented_key(headers)
        key = self._parse(secret)
        if key is None:
            raise errors.invalid_key(secret)
        if key.realm != self._region:
            raise self._elsewhere(key) or errors.invalid_key(secret)
        table = self._snapshots.table
        if table is None:
            raise _no_snapshot()
        caller = self._look_up(table, key)
        _check_header(headers, b"openai-project", "OpenAI-Project", caller.project.project_id)
        _check_header(headers, b"openai-organization", "OpenAI-Organization", caller.organization.organization_id)
        return caller

    def serves(self, project_id: str) -> bool:
        """Whether a project may be served now, for whoever needs no key: not archived, not blocked by the operator here."""
        table = self._snapshots.table
        return table is not None and project_id in table.projects and not self._blocks.cover("", project_id)

    def _parse(self, secret: str) -> ParsedKey | None:
        return api_keys.parse(secret, self._installation_id)

    def _elsewhere(self, key: ParsedKey) -> DomicileError | None:
        """What the holder of another region's key is told; None when no region is known by the key's code."""
        if key.realm in {self._region, api_keys.ADMIN}:
            return None
        table = self._snapshots.table
        if table is None:
            # Where that region is will be known in a moment: no reason to call the key incorrect, or to read a body.
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
        return Caller(organization=organization, project=project, key_id=record.key_id, region=self._region)


def _no_snapshot() -> DomicileError:
    return errors.service_unavailable("This region has not received its configuration yet. Try again shortly.", 2)


def _check_header(headers: Headers, name: bytes, shown: str, expected: str) -> None:
    for header, value in headers:
        if header == name and value.decode("latin-1").strip() not in {"", expected}:
            raise errors.mismatched_project(shown)
