"""Checks the certificates of TLS listeners: whether they match their keys, and until when they are valid."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from domicile.cli.doctor.finding import Finding, fail, ok, warn
from domicile.settings.installation import Installation
from domicile.web.server.tls_certificate import CertificateError, ServerCertificate

# Automatic renewal happens with a third of the lifetime left, usually a month. So 14 days mean that it failed.
EXPIRY_WARN = timedelta(days=14)
_REPLACE = "Replace both files; a running process reloads them by itself."


def check_certificates(installation: Installation) -> Iterator[Finding]:
    """Yield one finding for each listener that has a certificate."""
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
        return fail(where, check, str(error), "No process starts with it; a running one keeps the previous pair.")
    now, until = datetime.now(UTC), certificate.not_valid_after_utc
    if certificate.not_valid_before_utc > now:
        return fail(where, check, f"valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on", _REPLACE)
    found = f"valid until {until:%Y-%m-%d %H:%M} UTC"
    if until <= now:
        return fail(where, check, found, _REPLACE)
    if until - now < EXPIRY_WARN:
        return warn(where, check, found, _REPLACE)
    return ok(where, check, found)
