"""What a request may use at most, as far as it is known before the request runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """Beside the request itself, which counts as one."""

    tokens: int = 0
    """Of input, estimated, and of output at most."""
    images: int = 0
    audio_bytes: int = 0


NOTHING = Demand()
