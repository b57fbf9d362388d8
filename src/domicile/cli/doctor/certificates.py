"""Certificates of listeners that speak TLS: whether they fit their keys, and how long they are good for."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from domicile.cli.doctor.finding import Finding, fail, ok, warn
from domicile.settings.installation import Installation
from domicile.web.server.tls_certificate import CertificateError, ServerCertificate

# What renews certificates by itself does so with a third of their life left: a month, usually.
EXPIRY_WARN = timedelta(days=14)
_REPLACE = "Replace both files: a running process takes them up by itself."


def check_certificates(installation: Installation) -> Iterator[Finding]:
    """One finding for each listener that has a certificate."""
    control = installation.control
    listeners = [("control", "Admin API", control.listen), ("control", "boundary", control.boundary.listen)]
    for region in installation.regions:
        listeners += [(region.code, "API", region.listen), (region.code, "operator", region.operator.listen)]
    for where, name, listener in listeners:
        if listener.tls.pair is not None:
            yield _check(where, f"{name} certificate", *listener.tls.pair)


def _check(where: str, check: str, certificate_file: Path, key_file: Path) -> Finding:
    try:
        ServerCertificate(certificate_file, key_file)
        certificate = x509.load_pem_x509_certificates(certificate_file.read_bytes())[0]
    except (CertificateError, OSError, ValueError) as error:
        return fail(where, check, str(error), "No process starts with it; one that runs keeps what it had.")
    now, until = datetime.now(UTC), certificate.not_valid_after_utc
    if certificate.not_valid_before_utc > now:
        return fail(where, check, f"good only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on", _REPLACE)
    found = f"good until {until:%Y-%m-%d %H:%M} UTC"
    if until <= now:
        return fail(where, check, found, _REPLACE)
    if until - now < EXPIRY_WARN:
        return warn(where, check, found, _REPLACE)
    return ok(where, check, found)
