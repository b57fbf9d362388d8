"""The chat model for the endpoints: loading or ready, with its slots and limits."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domicile_engines.models.entry import model_entry
from domicile_engines.models.smollm2.weights import MODEL_ID, verified_weights
from domicile_engines.runtime.engine_errors import loading, other_model
from domicile_engines.runtime.llama.enforcement import Enforcement
from domicile_engines.runtime.llama.server import Llama, LlamaSettings
from domicile_engines.runtime.llama.slots import SlotQueue
from domicile_engines.runtime.weights import Weights


@dataclass(frozen=True)
class EngineLimits:
    """Limits of the chat model, from the command line."""

    slots: int
    """Generations that run at the same time."""
    context: int
    """Tokens of prompt and answer together, per slot."""
    prompt_limit: int
    """Maximum prompt length in tokens."""
    threads: int
    """CPU threads of the model."""


@dataclass(frozen=True)
class LoadedModel:
    """The parts that exist only after the weights are loaded."""

    weights: Weights
    llama: Llama
    enforcement: Enforcement


class ChatEngine:
    """The chat model, loaded once and shared by all requests."""

    def __init__(self, limits: EngineLimits, private_directory: Path) -> None:
        """`private_directory`: for the socket of llama.cpp's server. The model is loaded by `load`."""
        self._limits = limits
        self._private_directory = private_directory
        self._model: LoadedModel | None = None
        self.slots = SlotQueue(limits.slots)
        self.failed = False

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._model is not None

    @property
    def prompt_limit(self) -> int:
        """Maximum prompt length in tokens."""
        return self._limits.prompt_limit

    @property
    def context(self) -> int:
        """Maximum length of prompt and answer together, in tokens."""
        return self._limits.context

    @property
    def fingerprint(self) -> str:
        """OpenAI's `system_fingerprint`: identifies the weights. Empty until the model is loaded."""
        return self._model.weights.fingerprint if self._model is not None else ""

    async def load(self) -> None:
        """Verify and load the model in threads, so that `/health` answers meanwhile.

        Raises `WeightsError` or `EngineError`.
        """
        found = await asyncio.to_thread(verified_weights)
        settings = LlamaSettings(
            found.path, self._private_directory, self._limits.slots, self._limits.context, self._limits.threads
        )
        llama = await asyncio.to_thread(Llama, settings)
        self._model = LoadedModel(found, llama, Enforcement(llama))

    async def close(self) -> None:
        """Stop all generations and release the model's socket and threads."""
        if self._model is not None:
            await self._model.llama.close()

    def ready_for(self, model: str) -> LoadedModel:
        """The loaded model. Raises a 404 if `model` is another model, a 503 while it still loads."""
        if model != MODEL_ID:
            raise other_model(MODEL_ID)
        if self._model is None:
            raise loading()
        return self._model

    def describe(self) -> dict[str, Any]:
        """The model's entry in `/v1/models`."""
        return model_entry(
            MODEL_ID,
            "HuggingFaceTB",
            *("chat", "completions", "stream", "tools", "json_schema", "logprobs"),
            weights_sha256=self._model.weights.sha256 if self._model is not None else None,
            context=self._limits.context,
            prompt_limit=self._limits.prompt_limit,
        )
