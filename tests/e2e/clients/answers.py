"""Answers of `/v1/chat/completions` as any client reads them, and what of them its next request repeats."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """One message, whole or added up from a stream."""

    content: str = ""
    calls: list[dict[str, str]] = field(default_factory=list)
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None

    def add(self, chunk: dict[str, Any], member: str) -> None:
        """Adds a chunk (`delta`) or a whole completion (`message`)."""
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk["choices"]:
            piece = choice[member]
            self.content += piece.get("content") or ""
            self.finish_reason = choice["finish_reason"] or self.finish_reason
            for position, part in enumerate(piece.get("tool_calls") or []):
                if part.get("index", position) == len(self.calls):
                    self.calls.append({"id": "", "name": "", "arguments": ""})
                call = self.calls[part.get("index", position)]
                call["id"] += part.get("id") or ""
                call["name"] += part["function"].get("name") or ""
                call["arguments"] += part["function"].get("arguments") or ""


def read_answer(body: str, *, streamed: bool) -> Answer:
    """The answer in a body. A stream must end with `[DONE]`."""
    answer = Answer()
    if not streamed:
        answer.add(json.loads(body), "message")
        return answer
    *events, last = [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]
    assert last == "[DONE]"
    for event in events:
        answer.add(json.loads(event), "delta")
    return answer


def repeated(answer: Answer) -> dict[str, str]:
    """What a next request may repeat of an answer, by the placeholder that stands for it in a captured file."""
    values = {"<content>": answer.content} if answer.content else {}
    for call in answer.calls[:1]:
        values |= {"<call.id>": call["id"], "<call.arguments>": call["arguments"]}
    return values


def replace_texts(value: Any, replacements: dict[str, str], *, whole: bool) -> Any:
    """The JSON value with each text replaced: where it equals a key (`whole`), or wherever the key occurs in it."""
    if isinstance(value, dict):
        return {name: replace_texts(each, replacements, whole=whole) for name, each in value.items()}
    if isinstance(value, list):
        return [replace_texts(each, replacements, whole=whole) for each in value]
    if not isinstance(value, str):
        return value
    if whole:
        return replacements.get(value, value)
    for old, new in replacements.items():
        value = value.replace(old, new)
    return value
