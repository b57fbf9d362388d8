"""Inspects the content of a chat request in one pass: the modalities it needs, and content to refuse."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.parameters import ParameterRule
from domicile.data_plane.policy.audio_input import RecordingBudget, decode_recording
from domicile.data_plane.policy.content import ONLY_TEXT, Address, Content, Inspect, Members, image_address, refusal
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_messages import AssistantMessage, AudioPart, FilePart, ImagePart, UserMessage
from domicile.openai_api.chat_rules import schemas
from domicile.openai_api.chat_tools import Schema

_INDEX = re.compile(r"\[\d+\]")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


@dataclass(frozen=True, slots=True)
class ContentRules:
    """The catalogue's rules for nested members of a chat request."""

    image_url: ParameterRule
    file: ParameterRule
    earlier_audio: ParameterRule
    references: Mapping[str, ParameterRule]
    """Keyed by the path of the schema, without indexes."""

    @classmethod
    def of(cls, members: Members) -> "ContentRules":
        """Raises KeyError when the catalogue lacks one of the rules."""
        return cls(
            image_url=members["messages[].content[].image_url.url"],
            file=members["messages[].content[].file"],
            earlier_audio=members["messages[].audio"],
            references={
                path: members[f"{path}.$ref"]
                for path in (
                    "tools[].function.parameters",
                    "functions[].parameters",
                    "response_format.json_schema.schema",
                )
            },
        )


def chat_inspection(members: Members) -> Inspect:
    """The inspection of chat requests. Raises KeyError when the catalogue lacks a rule that it needs."""
    rules = ContentRules.of(members)

    def inspect(request: ChatCompletionRequest, _model: ModelEntry) -> Content:
        return inspect_content(rules, request)

    return inspect


def inspect_content(rules: ContentRules, request: ChatCompletionRequest) -> Content:
    """Inspect messages and schemas.

    Raises 400 for a file, a reference to an earlier audio reply or to an external schema, an image or a recording that is not
    what it claims, and too many or too large recordings.
    """
    for path, schema in schemas(request):
        if _refers_elsewhere(schema):
            raise refusal(rules.references[_INDEX.sub("[]", path)], path)
    found: dict[str, str] = {}
    addresses: list[Address] = []
    recordings = RecordingBudget()
    for index, message in enumerate(request.messages):
        if isinstance(message, UserMessage) and isinstance(message.content, list):
            for part_index, part in enumerate(message.content):
                path = f"messages[{index}].content[{part_index}]"
                if isinstance(part, AudioPart):
                    param = f"{path}.input_audio"
                    recordings.spend(decode_recording(part.input_audio, f"{param}.data"), param)
                    found.setdefault("audio", param)
                else:
                    _inspect_part(rules, part, path, found, addresses)
        elif isinstance(message, AssistantMessage) and message.audio:
            raise refusal(rules.earlier_audio, f"messages[{index}].audio")
    return Content(frozenset({"text", *found}), found.get("image"), tuple(addresses)) if found else ONLY_TEXT


def _inspect_part(
    rules: ContentRules, part: object, path: str, found: dict[str, str], addresses: list[Address]
) -> None:
    if isinstance(part, ImagePart):
        addresses += image_address(part.image_url.url, f"{path}.image_url.url", rules.image_url)
        found.setdefault("image", f"{path}.image_url")
    elif isinstance(part, FilePart):
        raise refusal(rules.file, f"{path}.file")


def _refers_elsewhere(schema: Schema) -> bool:
    """Whether a schema refers to anything outside itself. Some engines would fetch that."""
    pending: list[Any] = [schema]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            for name in _REFERENCES:
                target = value.get(name)
                if isinstance(target, str) and not target.startswith("#"):
                    return True
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return False
