"""A listener's TLS certificate and key, read from files, and read again when the files change."""

import ssl
from pathlib import Path

import structlog

log = structlog.get_logger("tls")

# The protocols offered in ALPN.
PROTOCOLS = ["http/1.1"]
# Forward secrecy and authenticated encryption only (RFC 9325, 4.2). TLS 1.3 has no other suites.
TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
# SSL_OP_CLEANSE_PLAINTEXT of OpenSSL 3.0; Python has no constant for it. Without it decrypted records stay in memory.
_OP_CLEANSE_PLAINTEXT = 0x2 if ssl.OPENSSL_VERSION_INFO >= (3, 0) else 0

_Version = tuple[tuple[int, int, int], ...]


class CertificateError(Exception):
    """The files hold no usable certificate and key. The text names the files and quotes none of their content."""


class ServerCertificate:
    """The certificate and key in the files. If a change makes them unusable, it is logged and the last ones stay in use."""

    def __init__(self, certificate_file: Path, key_file: Path) -> None:
        """`certificate_file`: PEM with the chain. `key_file`: unencrypted PEM. Raises `CertificateError`."""
        self._files = (certificate_file, key_file)
        self._version = self._look()
        try:
            self._context = self._read()
        except (OSError, ssl.SSLError) as error:
            raise CertificateError(
                f"{certificate_file} and {key_file} are not a certificate and its unencrypted key in PEM: "
                f"{_reason(error)}"
            ) from None

    def context(self) -> ssl.SSLContext:
        """The SSL context for the next connection. Open connections keep theirs."""
        version = self._look()
        if version != self._version:
            # Also after a failure: try again after the next change, not for each connection.
            self._version = version
            try:
                self._context = self._read()
            except (OSError, ssl.SSLError) as error:
                log.error("tls_certificate_unchanged", type=type(error).__name__, reason=_reason(error))
            else:
                log.info("tls_certificate_changed")
        return self._context

    def _look(self) -> _Version | None:
        """The version of both files. None while one is missing, as between the two steps of a replacement."""
        try:
            found = [file.stat() for file in self._files]
        except OSError:
            return None
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(TLS_1_2_CIPHERS)
        context.set_alpn_protocols(PROTOCOLS)
        # No session tickets: their key would live as long as the process, and could decrypt every recorded TLS 1.2 session.
        # Clients keep connections open instead.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        # Otherwise OpenSSL keeps the last decrypted record until the next one or the end of the connection.
        context.options |= _OP_CLEANSE_PLAINTEXT
        context.num_tickets = 0
        certificate, key = self._files
        # An empty password, so that OpenSSL does not ask for one on a terminal.
        context.load_cert_chain(certificate, key, password="")
        return context


def _reason(error: Exception) -> str:
    """The reason as named by OpenSSL or the system: a word of a closed list, never a file's content."""
    if isinstance(error, ssl.SSLError):
        return str(error.reason or "SSL_ERROR")
    return str(getattr(error, "strerror", None) or type(error).__name__)
