"""A limit on a quantity in a window of time, that fills up continuously.

A full bucket holds what the limit allows in one window. So a caller who was idle may use it at once, and one who is busy gets
it back bit by bit: there is no moment at which all callers may begin again.
"""


class Bucket:
    """What is left of one limit, or of one process's share of it. Times are those of one monotonic clock, in seconds.

    An amount above the share, but within the limit, is taken from a full bucket and leaves a debt. So each request that the
    limit allows is possible at every process, and over time the shares together are no more than the limit.
    """

    __slots__ = ("_level", "_since_s", "limit", "share", "window_s")

    def __init__(self, limit: int, window_s: float, now_s: float, fraction: float = 1.0) -> None:
        """`fraction`: of the limit, for this process. Above 0, at most 1."""
        self.limit = limit
        self.window_s = window_s
        self.share = limit * fraction
        self._level = self.share
        self._since_s = now_s

    def left(self, now_s: float) -> float:
        """How much may be taken now. Negative after requests that used more than they had reserved."""
        passed_s, share = now_s - self._since_s, self.share
        if passed_s > 0:
            level = self._level + passed_s * share / self.window_s
            self._level = level if level < share else share
            self._since_s = now_s
        return self._level

    def has(self, amount: int, now_s: float) -> bool:
        """Whether the amount may be taken now."""
        return amount <= self.left(now_s) or (self.share < amount <= self.limit and self._level >= self.share)

    def take(self, amount: float) -> float:
        """Take an amount, or give it back when it is negative. Returns what is left. Call `left` or `has` first."""
        level = self._level - amount
        self._level = level if level < self.share else self.share
        return self._level

    def wait_s(self, amount: int, now_s: float) -> float | None:
        """Seconds until the amount may be taken; 0.0 if it is now, None if it is more than the limit."""
        if amount > self.limit:
            return None
        lacking = min(amount, self.share) - self.left(now_s)
        return max(0.0, lacking * self.window_s / self.share)

    def reset_s(self, now_s: float) -> float:
        """Seconds until it is full again."""
        return (self.share - self.left(now_s)) * self.window_s / self.share

    def change(self, limit: int, now_s: float, fraction: float = 1.0) -> None:
        """Another limit or share from now on. What was taken stays taken."""
        taken = self.share - self.left(now_s)
        self.limit, self.share = limit, limit * fraction
        self._level = self.share - taken
