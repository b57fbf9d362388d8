"""TLS in the process: who is let in, what is decrypted, and certificates that change while connections are open."""

import asyncio
import json
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
import structlog
from cryptography.hazmat.primitives import serialization

from domicile.web.server.receive_buffer import ReceiveBuffer
from domicile.web.server.tls_certificate import CertificateError, ServerCertificate
from domicile.web.server.tls_connection import TlsConnection
from tests.component.web.live_server import (
    DEADLINE_S,
    LOOPS,
    LiveServer,
    RawConnection,
    RecordingApplication,
    live_server,
)
from tests.fuzz.process_figures import resident_bytes
from tests.platform.certificates import Issuer

HELLO = b"GET /hello?say=hi HTTP/1.1\r\nHost: h\r\n\r\n"
HALF_OPEN = 1000
MEMORY_MAX_BYTES = 80_000_000


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "tls")


@pytest.fixture(params=LOOPS)
def server(request: pytest.FixtureRequest, issuer: Issuer) -> Iterator[LiveServer]:
    with live_server(RecordingApplication().asgi, request.param, issuer) as running:
        yield running


def shown(connection: RawConnection) -> bytes | None:
    assert isinstance(connection.socket, ssl.SSLSocket)
    return connection.socket.getpeercert(binary_form=True)


def say_hello(connection: RawConnection) -> None:
    connection.send(HELLO)
    assert json.loads(connection.answer().body) == {"said": "hi"}


def client_hello(issuer: Issuer) -> bytes:
    """What a client sends first."""
    sent = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        issuer.client().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost").do_handshake()
    return sent.read()


class TestCertificate:
    def test_a_renewed_pair_is_shown_to_new_connections_and_open_ones_go_on(
        self, server: LiveServer, issuer: Issuer
    ) -> None:
        with server.connect() as before:
            say_hello(before)
            old, new = shown(before), issuer.renew()
            with server.connect() as after:
                say_hello(after)
                assert (shown(before), shown(after)) == (old, new)
                say_hello(before)

    @pytest.mark.parametrize("broken", ["foreign key", "nonsense", "absent"])
    def test_a_pair_that_is_none_leaves_the_last_one_and_is_said_once(
        self, issuer: Issuer, tmp_path: Path, broken: str
    ) -> None:
        certificate = issuer.server()
        good = certificate.context()
        if broken == "foreign key":
            Issuer(tmp_path / "other").key_file.replace(issuer.key_file)
        elif broken == "nonsense":
            issuer.certificate_file.write_text("nonsense")
        else:
            issuer.key_file.unlink()
        with structlog.testing.capture_logs() as lines:
            assert certificate.context() is good
            assert certificate.context() is good
        assert [line["event"] for line in lines] == ["tls_certificate_unchanged"]
        assert "PRIVATE" not in str(lines)
        issuer.renew()
        assert certificate.context() is not good

    def test_an_encrypted_key_is_an_error_and_no_question_on_a_terminal(self, issuer: Issuer) -> None:
        key = serialization.load_pem_private_key(issuer.key_file.read_bytes(), None)
        issuer.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
        with pytest.raises(CertificateError, match="unencrypted key"):
            issuer.server()

    def test_what_is_absent_at_the_start_is_an_error_that_names_the_files(self, tmp_path: Path) -> None:
        with pytest.raises(CertificateError, match=r"none\.pem"):
            ServerCertificate(tmp_path / "none.pem", tmp_path / "none.key")


class TestHandshake:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_modern_versions_are_spoken_with_forward_secrecy_and_http_1_1(
        self, server: LiveServer, issuer: Issuer, version: ssl.TLSVersion
    ) -> None:
        context = issuer.client()
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
        with RawConnection(
            context.wrap_socket(socket.create_connection((server.host, server.port)), server_hostname=server.host)
        ) as connection:
            say_hello(connection)
            assert isinstance(connection.socket, ssl.SSLSocket)
            cipher = connection.socket.cipher()
            assert cipher is not None and cipher[0].startswith(("TLS_", "ECDHE-"))
            assert connection.socket.selected_alpn_protocol() == "http/1.1"

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_older_versions_are_not(self, server: LiveServer, issuer: Issuer) -> None:
        context = issuer.client()
        # Without this the client's own library would not even offer it.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection((server.host, server.port), DEADLINE_S) as sock, pytest.raises(ssl.SSLError):
            context.wrap_socket(sock, server_hostname=server.host)

    @pytest.mark.parametrize("sent", [HELLO, b"\x16\x03\x01\xff\xff" + b"x" * 70_000, b"\x00" * 100])
    def test_whoever_does_not_speak_tls_is_cut_off_and_harms_nobody(self, server: LiveServer, sent: bytes) -> None:
        with socket.create_connection((server.host, server.port), DEADLINE_S) as sock:
            sock.sendall(sent)
            with suppress(ConnectionError):
                assert not sock.recv(65536).startswith(b"HTTP/")
                while sock.recv(65536):
                    pass
        with server.connect() as connection:
            say_hello(connection)

    def test_a_handshake_in_single_bytes_is_understood(self, server: LiveServer, issuer: Issuer) -> None:
        client, received, to_send = issuer.client(), ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client.wrap_bio(received, to_send, server_hostname=server.host)
        with socket.create_connection((server.host, server.port), DEADLINE_S) as sock:
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    for byte in to_send.read():
                        sock.sendall(bytes([byte]))
                    received.write(sock.recv(65536))
            assert tls.version() == "TLSv1.3"

    @pytest.mark.parametrize("loop", LOOPS)
    def test_slow_handshakes_end_by_themselves(self, issuer: Issuer, loop: str) -> None:
        hello = client_hello(issuer)
        with live_server(RecordingApplication().asgi, loop, issuer, handshake_timeout_s=0.2) as server:
            slow = [socket.create_connection((server.host, server.port), DEADLINE_S) for _ in range(3)]
            for sock, sent in zip(slow, (b"", hello[:40], hello), strict=True):
                with sock, suppress(ConnectionError):
                    sock.sendall(sent)
                    while sock.recv(65536):
                        pass

    def test_a_thousand_that_are_half_open_cost_little_and_delay_nobody(self, issuer: Issuer) -> None:
        hello = client_hello(issuer)[:-1]
        with live_server(RecordingApplication().asgi, "uvloop", issuer) as server:
            with server.connect() as connection:
                say_hello(connection)
            before = resident_bytes(os.getpid())
            crowd = [socket.create_connection((server.host, server.port), DEADLINE_S) for _ in range(HALF_OPEN)]
            try:
                for sock in crowd:
                    sock.sendall(hello)
                with server.connect() as connection:
                    say_hello(connection)
                assert resident_bytes(os.getpid()) - before < MEMORY_MAX_BYTES
            finally:
                for sock in crowd:
                    sock.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_that_stops_waits_for_no_handshake(loop: str, issuer: Issuer) -> None:
    with live_server(RecordingApplication().asgi, loop, issuer) as server:
        sock = socket.create_connection((server.host, server.port), DEADLINE_S)
        sock.sendall(client_hello(issuer)[:10])
        with server.connect() as connection:
            say_hello(connection)
    with sock, suppress(ConnectionError):
        assert sock.recv(1) == b""


class TestContent:
    def test_a_large_body_and_a_slow_reader_come_through(self, server: LiveServer) -> None:
        body = b"x" * 1024 * 1024
        with server.connect() as connection:
            connection.send(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert json.loads(connection.answer().body) == {"length": len(body)}

    def test_the_clients_goodbye_ends_a_stream(self, issuer: Issuer) -> None:
        recording = RecordingApplication()
        with live_server(recording.asgi, "uvloop", issuer) as server, server.connect() as connection:
            connection.send(b"GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
            assert recording.held.wait(DEADLINE_S)
            assert isinstance(connection.socket, ssl.SSLSocket)
            with suppress(ssl.SSLError, TimeoutError):
                connection.socket.settimeout(0.2)
                connection.socket.unwrap()
            assert recording.left.wait(DEADLINE_S)

    def test_a_damaged_record_reaches_nobody(self, server: LiveServer) -> None:
        with server.connect() as connection:
            say_hello(connection)
            connection.send_beneath(b"\x17\x03\x03\x00\x30" + b"x" * 0x30)
            with pytest.raises(ssl.SSLError):
                connection.rest()
        with server.connect() as connection:
            say_hello(connection)


class Wire:
    """The socket beneath, as far as TLS uses it; what is written stays in `sent`."""

    def __init__(self) -> None:
        self.sent, self.ends = b"", 0

    def get_extra_info(self, _name: str, default: object = None) -> object:
        return default

    def write(self, data: bytes) -> None:
        self.sent += data

    def write_eof(self) -> None:
        self.ends += 1

    def pause_reading(self) -> None:
        pass

    resume_reading = close = abort = pause_reading


class Refusing:
    """Refuses with the first bytes that it sees."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: memoryview) -> None:
        self.seen.append(bytes(data))
        self.transport.pause_reading()
        self.transport.write(b"refused")

    def connection_lost(self, exc: Exception | None) -> None:
        pass

    def eof_received(self) -> None:
        pass

    pause_writing = resume_writing = eof_received


@pytest.mark.contract("C12")
async def test_what_follows_the_refused_record_is_not_decrypted_though_it_came_with_it(issuer: Issuer) -> None:
    wire, http, received, to_send = Wire(), Refusing(), ssl.MemoryBIO(), ssl.MemoryBIO()
    buffer = ReceiveBuffer()
    server = TlsConnection(issuer.server(), lambda: http, buffer, set(), max_connections=1, trusted_proxies=None)
    server.connection_made(cast(asyncio.Transport, wire))
    client = issuer.client().wrap_bio(received, to_send, server_hostname="localhost")
    while client.version() is None or not http.seen:
        with suppress(ssl.SSLWantReadError):
            client.do_handshake()
            client.write(b"head")
            client.write(b"prompt")
        server.data_received(to_send.read())
        received.write(wire.sent)
        wire.sent = b""
    server.data_received(to_send.read())
    http.transport.write_eof()
    received.write(wire.sent)
    client.write(b"prompt")
    server.data_received(to_send.read())
    assert http.seen == [b"head"]
    assert not any(buffer.memory)
    # The client reads the answer and an orderly end.
    assert client.read(100) == b"refused"
    assert (client.read(100), wire.ends) == (b"", 1)
    server.connection_lost(None)
