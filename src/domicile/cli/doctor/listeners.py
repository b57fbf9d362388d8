"""Where the processes listen, and whether somebody from outside could listen in."""

from collections.abc import Iterator

from domicile.cli.doctor.finding import Finding, ok, warn
from domicile.settings.installation import Installation, Listener

_LOOPBACK = ("127.", "::1", "localhost")


def check_listeners(installation: Installation) -> Iterator[Finding]:
    """Every listener of the configuration."""
    yield _check("control", "Admin API", installation.control.listen)
    yield _check("control", "boundary", installation.control.boundary_listen)
    for region in installation.regions:
        yield _check(region.code, "API", region.listen)
        yield _check(region.code, "operator", region.operator_listen)


def _check(where: str, name: str, listener: Listener) -> Finding:
    shown = f"{listener.host}, port {listener.port or 'chosen at the start'}"
    if listener.host.startswith(_LOOPBACK):
        return ok(where, f"{name} listener", f"{shown}: this machine only")
    return warn(
        where,
        f"{name} listener",
        f"{shown}: reachable from other machines; TLS is said to be its proxy's",
        "See that nobody but a TLS proxy of the same region reaches it; loopback is better where the proxy is on this machine.",
    )
