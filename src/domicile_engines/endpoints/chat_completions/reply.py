"""OpenAI's shapes of a chat reply: one object, or a stream of chunks."""

from dataclasses import dataclass, field
from typing import Any

from domicile.openai_api.chat import ChatCompletionRequest
from domicile_engines.endpoints.generated import Envelope, TokenUsage
from domicile_engines.models.smollm2.generation import (
    CallArguments,
    CallBegins,
    Event,
    Finished,
    Started,
    Text,
)


@dataclass
class GeneratedMessage:
    """One choice, built from its events."""

    index: int
    legacy: bool
    text: str = ""
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str = ""

    def note(self, event: Event) -> None:
        """Add an event to the choice."""
        match event:
            case Text(text, logprobs):
                self.text += text
                self.logprobs += logprobs
            case CallBegins(_, id, name):
                self.calls.append({"id": id, "type": "function", "function": {"name": name, "arguments": ""}})
            case CallArguments(index, fragment):
                self.calls[index]["function"]["arguments"] += fragment
            case Finished(reason):
                self.finish_reason = reason

    def as_json(self, *, with_logprobs: bool) -> dict[str, Any]:
        """The finished choice. A call that the token limit cut off is included as far as it goes, as OpenAI does."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if self.calls else self.text,
            "refusal": None,
        }
        if self.calls and self.legacy:
            message["function_call"] = self.calls[0]["function"]
        elif self.calls:
            message["tool_calls"] = self.calls
        return {
            "index": self.index,
            "message": message,
            "logprobs": _logprobs(self.logprobs) if with_logprobs else None,
            "finish_reason": self.finish_reason,
        }


def unary(
    envelope: Envelope, messages: list[GeneratedMessage], usage: TokenUsage, request: ChatCompletionRequest
) -> dict[str, Any]:
    """A whole reply: the `chat.completion` object."""
    return {
        **envelope.as_json("chat.completion"),
        "choices": [message.as_json(with_logprobs=bool(request.logprobs)) for message in messages],
        "usage": usage.as_json(),
    }


class ChatChunks:
    """Builds the `chat.completion.chunk` objects of one streamed reply."""

    def __init__(self, envelope: Envelope, request: ChatCompletionRequest, *, legacy: bool) -> None:
        """`legacy`: whether calls use the deprecated `function_call` instead of `tool_calls`."""
        self._common = envelope.as_json("chat.completion.chunk")
        self._include_usage = request.wants_usage_in_stream
        self._top_logprobs = request.top_logprobs or 0
        self._with_logprobs = bool(request.logprobs)
        self._legacy = legacy

    def of(self, index: int, event: Event) -> dict[str, Any] | None:
        """The chunk for an event. None for an event that has no chunk."""
        if isinstance(event, Finished):
            return self._chunk(index, {}, finish_reason=event.reason)
        if isinstance(event, Text) and self._with_logprobs:
            return self._chunk(index, {"content": event.text}, logprobs=_logprobs(event.logprobs))
        delta = self._legacy_delta(event) if self._legacy else self._delta(event)
        return None if delta is None else self._chunk(index, delta)

    @staticmethod
    def _delta(event: Event) -> dict[str, Any] | None:
        match event:
            case Started():
                return {"role": "assistant", "content": "", "refusal": None}
            case Text(text):
                return {"content": text}
            case CallBegins(index, id, name):
                call = {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}
                return {"tool_calls": [call]}
            case CallArguments(index, fragment):
                return {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}
        return None

    def _legacy_delta(self, event: Event) -> dict[str, Any] | None:
        match event:
            case CallBegins(_, _, name):
                return {"function_call": {"name": name, "arguments": ""}}
            case CallArguments(_, fragment):
                return {"function_call": {"arguments": fragment}}
        return self._delta(event)

    def usage(self, usage: TokenUsage) -> dict[str, Any]:
        """The last chunk, sent when the request sets `stream_options.include_usage`."""
        return {**self._common, "choices": [], "usage": usage.as_json()}

    def _chunk(
        self,
        index: int,
        delta: dict[str, Any],
        *,
        logprobs: dict[str, Any] | None = None,
        finish_reason: str | None = None,
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        chunk = {**self._common, "choices": [choice]}
        if self._include_usage:
            chunk["usage"] = None
        return chunk


def _logprobs(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"content": [_entry(entry) for entry in entries], "refusal": None}


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    return {**_token(entry), "top_logprobs": [_token(other) for other in entry["top_logprobs"]]}


def _token(entry: dict[str, Any]) -> dict[str, Any]:
    return {"token": entry["token"], "logprob": entry["logprob"], "bytes": entry["bytes"]}
