"""POST /v1/moderations: the request, closed, and the answer (`CreateModerationRequest`, OpenAI's specification 2.3.0)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from domicile.kernel import errors
from domicile.openai_api.closed import Closed, ModelName, ModelRequest
from domicile.openai_api.lenient import Lenient

ValueT = TypeVar("ValueT")

DEFAULT_MODEL = "omni-moderation-latest"
MAX_INPUTS = 2048
"""Texts or parts of one request, as of an embeddings request: an engine looks at each by itself."""

ELEVEN_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
LATER_CATEGORIES = ("illicit", "illicit/violent")
CATEGORIES = (*ELEVEN_CATEGORIES, *LATER_CATEGORIES)
ELEVEN_CATEGORY_MODELS = frozenset({"text-moderation-007"})
"""Snapshots from before there were the two others."""


class ModerationImageUrl(Closed, frozen=True):
    """The image."""

    url: str


class ModerationImagePart(Closed, frozen=True, tag="image_url", tag_field="type"):
    """An image to classify."""

    image_url: ModerationImageUrl


class ModerationTextPart(Closed, frozen=True, tag="text", tag_field="type"):
    """A text to classify."""

    text: str


class ModerationRequest(ModelRequest, frozen=True, kw_only=True):
    """All that a caller may say. `input`: a text, texts with a result for each, or parts with one result for all."""

    # A factory, since a plain default would be left out when a request is encoded, and engines have defaults of their own.
    model: ModelName = msgspec.field(default_factory=lambda: DEFAULT_MODEL)
    input: str | Annotated[list[str | ModerationTextPart | ModerationImagePart], Meta(min_length=1)]

    @property
    def results(self) -> int:
        """How many results are asked for."""
        if isinstance(self.input, str) or not isinstance(self.input[0], str):
            return 1
        return len(self.input)

    def texts(self) -> Iterator[str]:
        """All texts."""
        for each in [self.input] if isinstance(self.input, str) else self.input:
            if not isinstance(each, ModerationImagePart):
                yield each if isinstance(each, str) else each.text

    def images(self) -> Iterator[tuple[str, str]]:
        """All images' URLs, each after the path of its part."""
        for index, each in enumerate(self.input):
            if isinstance(each, ModerationImagePart):
                yield f"input[{index}].image_url", each.image_url.url


class ModerationResult(Lenient, frozen=True):
    """How one input fits each category."""

    flagged: bool
    categories: dict[str, bool | None]
    category_scores: dict[str, Annotated[float, Meta(ge=0, le=1)]]
    category_applied_input_types: dict[str, list[str]] = msgspec.field(default_factory=dict)


class ModerationReply(Lenient, frozen=True):
    """The results, in the order of the inputs."""

    id: str
    results: list[ModerationResult]
    model: str = msgspec.field(default_factory=str)


def check_moderation_request(request: ModerationRequest) -> None:
    """The rule that types cannot say. Raises `DomicileError` 400 with the input at fault."""
    if isinstance(request.input, str):
        return
    if len(request.input) > MAX_INPUTS:
        raise errors.invalid_value(
            f"'input' has {len(request.input)} texts or parts: send at most {MAX_INPUTS} at a time.", "input"
        )
    of_texts = isinstance(request.input[0], str)
    for index, each in enumerate(request.input):
        if isinstance(each, str) != of_texts:
            raise errors.invalid_type("'input' must be of one kind: texts, or parts.", f"input[{index}]")


def encode_for_engine(request: ModerationRequest, *, model: str) -> bytes:
    """The bytes for an engine: what was read, with the engine's own name for the model."""
    return msgspec.json.encode(msgspec.structs.replace(request, model=model))


def decode_moderation(data: bytes) -> ModerationReply:
    """An engine's answer. Raises ValueError."""
    return msgspec.json.decode(data, type=ModerationReply)


def encode_moderation(reply: ModerationReply, request: ModerationRequest, *, model: str) -> bytes:
    """The answer under the snapshot's name and in its shape, with its categories and no others.

    Raises ValueError when the results are not those of the inputs, or lack a category.
    """
    if len(reply.results) != request.results:
        raise ValueError("the engine's results are not those of the inputs")
    results = [_of_eleven(each) if model in ELEVEN_CATEGORY_MODELS else _of_all(each) for each in reply.results]
    return msgspec.json.encode({"id": reply.id, "model": model, "results": results})


def _of_all(result: ModerationResult) -> dict[str, object]:
    return {
        "flagged": result.flagged,
        "categories": _only(CATEGORIES, result.categories),
        "category_scores": _only(CATEGORIES, result.category_scores),
        "category_applied_input_types": _only(CATEGORIES, result.category_applied_input_types),
    }


def _of_eleven(result: ModerationResult) -> dict[str, object]:
    """Of the two later categories the specification has `null`: neither flagged nor not. Their scores must be numbers."""
    categories = _only(ELEVEN_CATEGORIES, result.categories)
    return {
        "flagged": any(categories.values()),
        "categories": {**categories, **dict.fromkeys(LATER_CATEGORIES)},
        "category_scores": {
            **_only(ELEVEN_CATEGORIES, result.category_scores),
            **dict.fromkeys(LATER_CATEGORIES, 0.0),
        },
        "category_applied_input_types": {name: ["text"] if name in categories else [] for name in CATEGORIES},
    }


def _only(names: tuple[str, ...], given: Mapping[str, ValueT]) -> dict[str, ValueT]:
    if any(name not in given for name in names):
        raise ValueError("the engine's result lacks a category")
    return {name: given[name] for name in names}
