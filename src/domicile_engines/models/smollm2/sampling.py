"""Sampling parameters for llama.cpp."""

from typing import Any, Protocol

# The model card's recommendation, used when the request sets neither.
_TEMPERATURE = 0.2
_TOP_P = 0.9


class Sampled(Protocol):
    """The members of a request that control sampling. None: not set."""

    @property
    def temperature(self) -> float | None:
        """From 0 to 2."""
        ...

    @property
    def top_p(self) -> float | None:
        """From 0 to 1."""
        ...

    @property
    def presence_penalty(self) -> float | None:
        """From -2 to 2."""
        ...

    @property
    def frequency_penalty(self) -> float | None:
        """From -2 to 2."""
        ...


def sampling(request: Sampled, *, alternatives: int) -> dict[str, Any]:
    """The sampling parameters for llama.cpp. `alternatives`: tokens with log probabilities at each position; 0 for none.

    If the request sets only one of `temperature` and `top_p`, the other is 1, as in OpenAI's API.
    """
    is_set = request.temperature is not None or request.top_p is not None
    parameters: dict[str, Any] = {
        "temperature": request.temperature if request.temperature is not None else (1.0 if is_set else _TEMPERATURE),
        "top_p": request.top_p if request.top_p is not None else (1.0 if is_set else _TOP_P),
        "top_k": 0,
        "min_p": 0.0,
        "presence_penalty": request.presence_penalty or 0.0,
        "frequency_penalty": request.frequency_penalty or 0.0,
    }
    if alternatives:
        parameters["n_probs"] = alternatives
    return parameters
