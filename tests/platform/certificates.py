"""A certificate authority of the tests' own, and pairs of files as an operator has them."""

import ssl
from datetime import datetime
from pathlib import Path

import trustme

from domicile.web.server.tls_certificate import ServerCertificate

NAMES = ("127.0.0.1", "localhost")


class Issuer:
    """Writes a pair into a folder, as often as it is told to: each is a new one."""

    def __init__(self, folder: Path, *names: str) -> None:
        """For loopback, when no names are given."""
        self._names = names or NAMES
        self._authority = trustme.CA()
        self.certificate_file = folder / "certificate.pem"
        self.key_file = folder / "key.pem"
        self.ca_file = folder / "ca.pem"
        folder.mkdir(parents=True, exist_ok=True)
        self._authority.cert_pem.write_to_path(self.ca_file)
        self.renew()

    def renew(self, until: datetime | None = None) -> bytes:
        """The certificate, which replaces the last one in one step for each file."""
        pair = self._authority.issue_cert(*self._names, not_after=until)
        certificate = b"".join(blob.bytes() for blob in pair.cert_chain_pems)
        for file, content in ((self.key_file, pair.private_key_pem.bytes()), (self.certificate_file, certificate)):
            new = file.with_suffix(".new")
            new.write_bytes(content)
            new.chmod(0o600)
            new.replace(file)
        return ssl.PEM_cert_to_DER_cert(pair.cert_chain_pems[0].bytes().decode())

    def server(self) -> ServerCertificate:
        """What a listener shows."""
        return ServerCertificate(self.certificate_file, self.key_file)

    def client(self) -> ssl.SSLContext:
        """What a client trusts: this authority alone."""
        return ssl.create_default_context(cafile=self.ca_file)
