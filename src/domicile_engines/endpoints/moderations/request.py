"""A moderation request as this engine reads it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from domicile_engines.runtime.errors import invalid
from domicile_engines.runtime.json_request import read_request

CHARACTERS_MAX = 100_000
"""In all texts of a request: about ten seconds of work."""
INPUTS_MAX = 2048
IMAGES_MAX = 10


class ImageUrl(Struct, forbid_unknown_fields=True):
    """The image, as a data URL."""

    url: str


class Part(Struct, forbid_unknown_fields=True):
    """A text or an image."""

    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ImageUrl | None = None


class ModerationRequest(Struct, forbid_unknown_fields=True):
    """All of the moderation API."""

    model: str
    input: str | list[str | Part]


@dataclass(frozen=True)
class Item:
    """What one result is about: a text, or all parts of a request. Images with what they are called in an error."""

    texts: Sequence[str] = ()
    images: Sequence[tuple[str, str]] = ()


def decode(body: bytes) -> ModerationRequest:
    """Read a request's body, or refuse it with the member that is wrong."""
    return read_request(body, ModerationRequest)


def items(request: ModerationRequest) -> Sequence[Item]:
    """One for each text of a list; parts belong together. Raises `Refusal`."""
    given = request.input
    if isinstance(given, str):
        found = [Item([given])]
    elif not given:
        raise invalid("'input' must hold at least one text or part.", "input")
    elif len(given) > INPUTS_MAX:
        raise invalid(f"'input' has {len(given)} items; at most {INPUTS_MAX} can be sent at once.", "input")
    elif len({type(each) for each in given}) > 1:
        raise invalid("'input' must hold texts, or parts, and not a mixture.", "input", "invalid_type")
    elif isinstance(given[0], str):
        found = [Item([each]) for each in given if isinstance(each, str)]
    else:
        found = [_together([each for each in given if isinstance(each, Part)])]
    characters = sum(len(text) for item in found for text in item.texts)
    if characters > CHARACTERS_MAX:
        raise invalid(
            f"'input' has {characters} characters in all; at most {CHARACTERS_MAX}. Send it in several requests.",
            "input",
        )
    return found


def _together(parts: Sequence[Part]) -> Item:
    images = list(_images(parts))
    if len(images) > IMAGES_MAX:
        raise invalid(f"'input' has {len(images)} images; at most {IMAGES_MAX} can be sent at once.", "input")
    return Item([part.text for part in parts if part.type == "text" and part.text is not None], images)


def _images(parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
    for index, part in enumerate(parts):
        value, other = (part.text, part.image_url) if part.type == "text" else (part.image_url, part.text)
        if value is None:
            param = f"input[{index}].{part.type}"
            raise invalid(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
        if other is not None:
            raise invalid(f"A part of the type '{part.type}' holds nothing else.", f"input[{index}]")
        if part.image_url is not None:
            yield f"input[{index}].image_url.url", part.image_url.url
