"""Shows where the processes listen, and how each listener is protected: loopback, TLS or a proxy."""

from collections.abc import Iterator

from domicile.cli.doctor.finding import Finding, ok
from domicile.settings.installation import Installation
from domicile.settings.listener import Listener

_LOOPBACK = ("127.", "::1", "localhost")


def check_listeners(installation: Installation) -> Iterator[Finding]:
    """Yield one finding for each listener of the configuration."""
    yield _check("control", "Admin API", installation.control.listen)
    yield _check("control", "boundary", installation.control.boundary.listen)
    for region in installation.regions:
        yield _check(region.code, "API", region.listen)
        yield _check(region.code, "operator", region.operator.listen)


def _check(where: str, name: str, listener: Listener) -> Finding:
    shown = f"{listener.host}, port {listener.port or 'chosen at the start'}"
    if listener.host.startswith(_LOOPBACK):
        return ok(where, f"{name} listener", f"{shown}: this machine only")
    if listener.tls.certificate_file is not None:
        return ok(where, f"{name} listener", f"{shown}: TLS in the process")
    proxies = ", ".join(str(network) for network in listener.tls.trusted_proxies)
    return ok(where, f"{name} listener", f"{shown}: plain HTTP, only for the TLS proxy at {proxies}")
