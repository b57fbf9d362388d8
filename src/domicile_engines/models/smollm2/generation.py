"""Generates one choice: reads the prompt, chooses a function if there are tools, writes, and stops."""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from domicile_engines.models.smollm2.tools import Calling
from domicile_engines.runtime.engine_errors import unenforceable_schema
from domicile_engines.runtime.llama import grammar
from domicile_engines.runtime.llama.enforcement import Enforcement
from domicile_engines.runtime.llama.schema import Schema
from domicile_engines.runtime.llama.server import End, Llama, Piece
from domicile_engines.runtime.llama.slots import Slot, Ticket
from domicile_engines.runtime.llama.stop import StopMatcher

# The text after which the model picks a function.
_CHOOSING = "Function: "


@dataclass(frozen=True)
class Plan:
    """What to generate. All choices of a prompt share one plan; only their seeds differ."""

    prompt: Sequence[int]
    tenant: str | None
    tokens_max: int
    sampling: dict[str, Any]
    stop: Sequence[str]
    shape: Schema | None
    calling: Calling | None


@dataclass(frozen=True)
class Started:
    """The prompt has been read. `cached_tokens` of its tokens were in the cache."""

    cached_tokens: int


@dataclass(frozen=True)
class Text:
    """A piece of the answer's text."""

    text: str
    logprobs: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class CallBegins:
    """The model has chosen a function."""

    index: int
    id: str
    name: str


@dataclass(frozen=True)
class CallArguments:
    """A piece of a call's arguments, which are JSON."""

    index: int
    fragment: str


@dataclass(frozen=True)
class Finished:
    """The end of a choice. `reason`: OpenAI's `finish_reason`."""

    reason: str
    completion_tokens: int


@dataclass(frozen=True)
class PromptCounted:
    """The prompt's length in tokens, from an engine that reports it only at the end."""

    tokens: int


Event = PromptCounted | Started | Text | CallBegins | CallArguments | Finished


@dataclass(frozen=True)
class Generation:
    """The running generation of all choices of one answer."""

    fingerprint: str
    """OpenAI's `system_fingerprint`: identifies the weights."""
    prompt_tokens: int
    """0 when a `PromptCounted` event will tell it."""
    legacy: bool
    """Whether calls use the deprecated `function_call` instead of `tool_calls`."""
    events: AsyncIterator[tuple[int, Event]]
    """Each event with the index of its choice."""


class ChoiceGeneration:
    """One choice of an answer. It holds its slot from the first prompt token to the last generated token."""

    def __init__(self, llama: Llama, enforcement: Enforcement, plan: Plan, seed: int) -> None:
        """`seed`: of this choice, from 0 to 2**32 - 1."""
        self._llama = llama
        self._enforcement = enforcement
        self._plan = plan
        self._seed = seed
        self._spent = 0

    async def run(self, ticket: Ticket) -> AsyncGenerator[Event, None]:
        """Wait for a slot, then yield the choice's events.

        Raises a 400 for a schema that llama.cpp does not enforce, `EngineError` if llama.cpp fails.
        """
        plan = self._plan
        async with ticket as slot:
            cached_tokens = await self._llama.prefill(slot, plan.tenant, plan.prompt)
            for schema in self._schemas():
                await self._enforcement.demand(slot, plan.prompt, schema)
            yield Started(cached_tokens)
            if plan.calling is not None:
                async for event in self._call_or_answer(slot, plan.calling):
                    yield event
            else:
                async for event in self._answer(slot):
                    yield event

    def _schemas(self) -> list[Schema]:
        schemas = [function.arguments for function in self._plan.calling.functions] if self._plan.calling else []
        return [*schemas, self._plan.shape] if self._plan.shape is not None else schemas

    async def _answer(self, slot: Slot) -> AsyncIterator[Event]:
        plan = self._plan
        written = []
        reason = "length"
        matcher = StopMatcher(plan.stop)
        constraint = plan.shape.grammar if plan.shape is not None else None
        async with aclosing(self._write(slot, plan.prompt, constraint)) as pieces:
            async for piece in pieces:
                if isinstance(piece, End):
                    reason = piece.reason
                    released = matcher.finish()
                else:
                    released = matcher.feed(piece.text, piece.logprobs)
                if released.text:
                    written.append(released.text)
                    yield Text(released.text, released.logprobs)
                if matcher.found:
                    reason = "stop"
                    break
        if plan.shape is not None and reason == "stop" and not matcher.found:
            self._check(plan.shape, "".join(written))
        yield Finished(reason, self._spent)

    async def _call_or_answer(self, slot: Slot, calling: Calling) -> AsyncIterator[Event]:
        if calling.mode == "auto":
            name = await self._choose(slot, _CHOOSING, [calling.no_function, *calling.names])
            if name == calling.no_function:
                async for event in self._answer(slot):
                    yield event
                return
        elif len(calling.functions) == 1:
            name = calling.names[0]
        else:
            name = await self._choose(slot, _CHOOSING, calling.names)
        if name is None:
            yield Finished("length", self._spent)
            return
        async for event in self._calls(slot, calling, name):
            yield event

    async def _calls(self, slot: Slot, calling: Calling, name: str) -> AsyncIterator[Event]:
        """Write calls until the model closes the list or `calls_max` is reached."""
        opening = "[" if calling.calls_max > 1 else ""
        written = f'{opening}{{"name": "{name}", "arguments": '
        for index in range(calling.calls_max):
            schema = calling.function(name).arguments
            yield CallBegins(index, f"call_{secrets.token_hex(12)}", name)
            arguments = ""
            reason = "length"
            prompt = [*self._plan.prompt, *await self._llama.tokenize([written])]
            async for piece in self._write(slot, prompt, schema.grammar):
                if isinstance(piece, End):
                    reason = piece.reason
                else:
                    arguments += piece.text
                    yield CallArguments(index, piece.text)
            if reason != "stop":
                yield Finished("length", self._spent)
                return
            self._check(schema, arguments)
            written += arguments + "}"
            if index + 1 < calling.calls_max:
                following = await self._following(slot, calling, written)
                if following is None:
                    break
                name = following
                written += f', {{"name": "{name}", "arguments": '
        yield Finished("function_call" if calling.legacy else "tool_calls", self._spent)

    async def _following(self, slot: Slot, calling: Calling, written: str) -> str | None:
        """Return the next function to call; None when the list is complete."""
        nexts = {f', {{"name": "{name}"': name for name in calling.names}
        chosen = await self._choose(slot, written, ["]", *nexts])
        return nexts.get(chosen or "]")

    async def _choose(self, slot: Slot, lead: str, options: Sequence[str]) -> str | None:
        """Let the model pick one of the options. None if the answer's tokens run out first."""
        prompt = [*self._plan.prompt, *await self._llama.tokenize([lead])]
        chosen = ""
        async for piece in self._write(slot, prompt, grammar.of_choice(options), temperature=0.0):
            if isinstance(piece, Piece):
                chosen += piece.text
        return chosen if chosen in options else None

    async def _write(
        self, slot: Slot, prompt: Sequence[int], constraint: str | None, **changes: Any
    ) -> AsyncGenerator[Piece | End, None]:
        """Generate within the answer's remaining tokens, and count the tokens spent."""
        left = self._plan.tokens_max - self._spent
        if left <= 0:
            yield End("length", 0)
            return
        sampling = {**self._plan.sampling, **changes, "seed": self._seed, "n_predict": left}
        if constraint is not None:
            sampling["grammar"] = constraint
        before = self._spent
        async with aclosing(self._llama.generate(slot, prompt, sampling)) as pieces:
            async for piece in pieces:
                self._spent = before + piece.tokens
                yield piece

    @staticmethod
    def _check(schema: Schema, text: str) -> None:
        if not schema.accepts(text):
            raise unenforceable_schema(schema.param, "the engine's answer does not match it.")
