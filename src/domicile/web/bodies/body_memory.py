"""How much memory the bodies of requests may take together: a limit for each body says nothing of a thousand of them.

A body is held until its request has been answered, since an engine may have to be asked again. Small bodies are not counted:
whoever fills this memory with recordings must not shut out somebody else's question.
"""

from collections import Counter

from domicile.kernel import errors

SMALL_BYTES = 64 * 1024
_RETRY_AFTER_S = 2


class BodyMemory:
    """Of one process. Nobody alone may have more than half of it."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held: Counter[str] = Counter()

    @property
    def held_bytes(self) -> int:
        """Of all requests that are not answered yet."""
        return self._held.total()

    def hold(self) -> "BodyHold":
        """For one request."""
        return BodyHold(self)

    def take(self, account: str, size: int) -> None:
        """Raises `DomicileError` 503 when there is no room for so many bytes more."""
        if self._held[account] + size > self._limit // 2 or self.held_bytes + size > self._limit:
            raise errors.service_unavailable(
                "This server holds as many large request bodies as it may. Send the request again, or fewer at a time.",
                _RETRY_AFTER_S,
            )
        self._held[account] += size

    def give_back(self, account: str, size: int) -> None:
        """What was taken."""
        self._held[account] -= size
        if not self._held[account]:
            del self._held[account]


class BodyHold:
    """What one request holds."""

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self._size = 0
        self._taken = 0
        self.account = ""
        """The id of the request's project. Empty until its key is known."""

    def grow_by(self, size: int) -> None:
        """Count so many bytes more that are kept in memory. Raises `DomicileError` 503."""
        self._size += size
        more = self._size - SMALL_BYTES - self._taken
        if more > 0:
            self._memory.take(self.account, more)
            self._taken += more

    def release(self) -> None:
        """The request has been answered."""
        if self._taken:
            self._memory.give_back(self.account, self._taken)
            self._taken = 0
