"""What goes wrong for somebody at a terminal: one line that says what to do, never a traceback."""


class CommandError(Exception):
    """The text is the whole message."""


class UsageError(CommandError):
    """The command was called wrongly: exit status 2."""


class RefusedError(CommandError):
    """The platform said no, in its own words."""

    def __init__(self, status: int, code: str | None, message: str) -> None:
        super().__init__(f"{message} ({', '.join(filter(None, [code, f'HTTP {status}']))})")
        self.status = status
        self.code = code
