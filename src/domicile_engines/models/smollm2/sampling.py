"""How the next token is chosen."""

from typing import Any, Protocol

# The model card's own advice, for when the caller gives none.
_TEMPERATURE = 0.2
_TOP_P = 0.9


class Sampled(Protocol):
    """What a request may say of it."""

    @property
    def temperature(self) -> float | None: ...
    @property
    def top_p(self) -> float | None: ...
    @property
    def presence_penalty(self) -> float | None: ...
    @property
    def frequency_penalty(self) -> float | None: ...


def sampling(request: Sampled, *, alternatives: int) -> dict[str, Any]:
    """The parameters for llama.cpp. `alternatives`: for how many tokens at each place the log probability is wanted."""
    asked = request.temperature is not None or request.top_p is not None
    parameters: dict[str, Any] = {
        "temperature": request.temperature if request.temperature is not None else (1.0 if asked else _TEMPERATURE),
        "top_p": request.top_p if request.top_p is not None else (1.0 if asked else _TOP_P),
        "top_k": 0,
        "min_p": 0.0,
        "presence_penalty": request.presence_penalty or 0.0,
        "frequency_penalty": request.frequency_penalty or 0.0,
    }
    if alternatives:
        parameters["n_probs"] = alternatives
    return parameters
