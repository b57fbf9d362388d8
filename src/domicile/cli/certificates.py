"""The TLS trust of the command: the system's root certificates, or those in the file named by DOMICILE_CA_FILE."""

import os
import ssl

from domicile.cli.failures import CommandError

_CA_FILE = "DOMICILE_CA_FILE"


def client_context() -> ssl.SSLContext:
    """A context that checks the certificate and the host name. Raises `CommandError` for an unreadable file."""
    file = os.environ.get(_CA_FILE) or None
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError):
        raise CommandError(f"{_CA_FILE}: {file} cannot be read as certificates in PEM") from None
