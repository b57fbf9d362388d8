"""What a listener shows over TLS: a certificate and its key, by reference, taken up again whenever their files change."""

import ssl
from pathlib import Path

import structlog

log = structlog.get_logger("tls")

# This server speaks HTTP/1.1 alone, and says so.
PROTOCOLS = ["http/1.1"]
# Forward secrecy and authenticated encryption only (RFC 9325, 4.2). TLS 1.3 has no other suites.
TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
# SSL_OP_CLEANSE_PLAINTEXT of OpenSSL 3.0, which Python has no name for. Without it a record stays readable in memory.
_OP_CLEANSE_PLAINTEXT = 0x2 if ssl.OPENSSL_VERSION_INFO >= (3, 0) else 0

_Version = tuple[tuple[int, int, int], ...]


class CertificateError(Exception):
    """The files hold no usable pair. The text names them and quotes nothing of them."""


class ServerCertificate:
    """The pair that the files hold now. A pair that is not usable leaves the last good one in use, and is said once."""

    def __init__(self, certificate_file: Path, key_file: Path) -> None:
        """PEM files: the certificate with its chain, and the unencrypted key. Raises `CertificateError`."""
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
        """For the next connection. Those that are open keep what they began with."""
        version = self._look()
        if version != self._version:
            # Also when it cannot be read: the next change is tried again, and not each connection.
            self._version = version
            try:
                self._context = self._read()
            except (OSError, ssl.SSLError) as error:
                log.error("tls_certificate_unchanged", type=type(error).__name__, reason=_reason(error))
            else:
                log.info("tls_certificate_changed")
        return self._context

    def _look(self) -> _Version | None:
        """None while a file is away: between the two steps of a replacement, for example."""
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
        # No resumption: the key of the tickets would live as long as the process, and with it every recorded session of
        # TLS 1.2. Clients keep their connections instead.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        # OpenSSL would keep the last record in clear until the next one comes or the connection ends.
        context.options |= _OP_CLEANSE_PLAINTEXT
        context.num_tickets = 0
        certificate, key = self._files
        # The password keeps OpenSSL from asking for one on a terminal.
        context.load_cert_chain(certificate, key, password="")
        return context


def _reason(error: Exception) -> str:
    """OpenSSL's or the system's own word for it: of a closed list, never a part of a file."""
    if isinstance(error, ssl.SSLError):
        return str(error.reason or "SSL_ERROR")
    return str(getattr(error, "strerror", None) or type(error).__name__)
