"""A limit on a quantity in a window of time, that fills up continuously.

A full bucket holds what the limit allows in one window. So a caller who was idle may use it at once, and one who is busy gets
it back bit by bit: there is no moment at which all callers may begin again.
"""


class Bucket:
    """What is left of one limit. Times are those of one monotonic clock, in seconds."""

    __slots__ = ("_level", "_since_s", "limit", "window_s")

    def __init__(self, limit: int, window_s: float, now_s: float) -> None:
        self.limit = limit
        self.window_s = window_s
        self._level = float(limit)
        self._since_s = now_s

    def left(self, now_s: float) -> float:
        """How much may be taken now. Negative after requests that used more than they had reserved."""
        if now_s > self._since_s:
            self._level = min(float(self.limit), self._level + (now_s - self._since_s) * self.limit / self.window_s)
            self._since_s = now_s
        return self._level

    def take(self, amount: float) -> None:
        """Take an amount, or give it back when it is negative. Call `left` first."""
        self._level = min(float(self.limit), self._level - amount)

    def wait_s(self, amount: float, now_s: float) -> float | None:
        """Seconds until the amount is left; 0.0 if it is now, None if it is more than the limit."""
        if amount > self.limit:
            return None
        lacking = amount - self.left(now_s)
        return max(0.0, lacking * self.window_s / self.limit)

    def reset_s(self, now_s: float) -> float:
        """Seconds until it is full again."""
        return (self.limit - self.left(now_s)) * self.window_s / self.limit

    def change(self, limit: int, now_s: float) -> None:
        """Another limit from now on. What was taken stays taken."""
        taken = self.limit - self.left(now_s)
        self.limit = limit
        self._level = limit - taken
