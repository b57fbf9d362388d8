"""POST /v1/moderations: the request, closed, and the reply (`CreateModerationRequest`, OpenAI's specification 2.3.0)."""

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
"""Maximum texts or parts in a request, as for embeddings. An engine classifies each one separately."""

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
"""Snapshots from before the two later categories."""


class ModerationImageUrl(Closed, frozen=True):
    """An image, as a data URL or as a web address."""

    url: str


class ModerationImagePart(Closed, frozen=True, tag="image_url", tag_field="type"):
    """An image to classify."""

    image_url: ModerationImageUrl


class ModerationTextPart(Closed, frozen=True, tag="text", tag_field="type"):
    """A text to classify."""

    text: str


class ModerationRequest(ModelRequest, frozen=True, kw_only=True):
    """The request, with every member that the API allows.

    `input`: a text, a list of texts with one result each, or a list of parts with one result for all.
    """

    # A factory, because a plain default would be omitted when the request is encoded, and engines have other defaults.
    model: ModelName = msgspec.field(default_factory=lambda: DEFAULT_MODEL)
    input: str | Annotated[list[str | ModerationTextPart | ModerationImagePart], Meta(min_length=1)]

    @property
    def results(self) -> int:
        """How many results the request has."""
        if isinstance(self.input, str) or not isinstance(self.input[0], str):
            return 1
        return len(self.input)

    def texts(self) -> Iterator[str]:
        """Yield all texts of the input."""
        for each in [self.input] if isinstance(self.input, str) else self.input:
            if not isinstance(each, ModerationImagePart):
                yield each if isinstance(each, str) else each.text

    def images(self) -> Iterator[tuple[str, str]]:
        """Yield the URL of each image, after the path of its part."""
        for index, each in enumerate(self.input):
            if isinstance(each, ModerationImagePart):
                yield f"input[{index}].image_url", each.image_url.url


class ModerationResult(Lenient, frozen=True):
    """The result of one input: flags and scores by category."""

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
    """Check the rules that types cannot express. Raises `DomicileError` 400 that names the input."""
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
    """Encode the parsed request for an engine. `model`: the engine's own name for the model."""
    return msgspec.json.encode(msgspec.structs.replace(request, model=model))


def decode_moderation(data: bytes) -> ModerationReply:
    """Decode an engine's reply. Raises ValueError."""
    return msgspec.json.decode(data, type=ModerationReply)


def encode_moderation(reply: ModerationReply, request: ModerationRequest, *, model: str) -> bytes:
    """Encode a reply for the caller, with exactly the categories of the requested snapshot, `model`.

    Raises ValueError if the number of results does not match the inputs, or a result lacks a category.
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
    """A result with eleven categories. The specification allows null flags for the two later ones but requires their scores."""
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
