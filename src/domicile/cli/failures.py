"""Errors of a command. The user sees one line that says what to do, without a traceback."""


class CommandError(Exception):
    """The command failed: exit status 1. The text is the whole message."""


class UsageError(CommandError):
    """The arguments are wrong: exit status 2."""


class RefusedError(CommandError):
    """The server refused the call. The text is the server's message."""

    def __init__(self, status: int, code: str | None, message: str) -> None:
        """`status`: the HTTP status. `code`: the server's error code, if it has one."""
        super().__init__(f"{message} ({', '.join(filter(None, [code, f'HTTP {status}']))})")
        self.status = status
        self.code = code
