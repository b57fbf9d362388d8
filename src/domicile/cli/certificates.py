"""By what the other side's certificate is known: the system's roots, or those of a file that the environment names."""

import os
import ssl

from domicile.cli.failures import CommandError

_CA_FILE = "DOMICILE_CA_FILE"


def client_context() -> ssl.SSLContext:
    """Checks certificate and host name, always. Raises `CommandError` when the file holds no certificates."""
    file = os.environ.get(_CA_FILE) or None
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError):
        raise CommandError(f"{_CA_FILE}: {file} cannot be read as certificates in PEM") from None
