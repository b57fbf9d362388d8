"""What a request may use at most, as far as it is known before the request runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """Beside the request itself, which counts as one."""

    input_tokens: int = 0
    """Estimated."""
    output_tokens: int = 0
    images: int = 0
    audio_bytes: int = 0

    @property
    def tokens(self) -> int:
        """Of input and output."""
        return self.input_tokens + self.output_tokens


NOTHING = Demand()
