"""The kinds of usage, one for each path of OpenAI's API: their endpoints, groupings, filters and sums."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domicile.boundary.usage import ImageSize, Usage
from domicile.catalogue.endpoints import Endpoint


class Grouping(StrEnum):
    """A member by which results may be grouped."""

    PROJECT = "project_id"
    USER = "user_id"
    KEY = "api_key_id"
    MODEL = "model"
    BATCH = "batch"
    TIER = "service_tier"
    SIZE = "size"
    SOURCE = "source"
    CONTEXT = "context_level"
    VECTOR_STORE = "vector_store_id"


class ImageSource(StrEnum):
    """The kind of request that made an image."""

    GENERATION = "image.generation"
    EDIT = "image.edit"
    VARIATION = "image.variation"


IMAGE_SOURCES: Mapping[Endpoint, ImageSource] = {Endpoint.IMAGES_GENERATIONS: ImageSource.GENERATION}
CONTEXT_LEVELS = ("low", "medium", "high")
IMAGE_SIZES = (*ImageSize, "1792x1792")
"""The sizes that a filter may name. The last one is in the specification's list, and no endpoint makes it."""


@dataclass(frozen=True, slots=True)
class UsageKind:
    """One path under /v1/organization/usage, as in the specification."""

    name: str
    """The path's last part, and the middle of `organization.usage.NAME.result`."""
    endpoints: tuple[Endpoint, ...]
    """Empty for what Domicile does not serve: all buckets of such a kind are empty."""
    groupings: tuple[Grouping, ...]
    filters: frozenset[str]
    """Query parameters of this kind alone."""
    quantities: Callable[[Usage], dict[str, int]]
    """The sums in a result, besides `num_model_requests`."""

    @property
    def parameters(self) -> frozenset[str]:
        """Its query parameters. A kind that is not grouped by user, key or model has no filter of these either."""
        return _WINDOW | self.filters | {_FILTERS[each] for each in self.groupings if each in _FILTERS}


_WINDOW = frozenset({"start_time", "end_time", "bucket_width", "group_by", "limit", "page"})
_FILTERS = {
    Grouping.PROJECT: "project_ids",
    Grouping.USER: "user_ids",
    Grouping.KEY: "api_key_ids",
    Grouping.MODEL: "models",
}
_OF_ALL = tuple(_FILTERS)


def _completions(usage: Usage) -> dict[str, int]:
    return {
        "input_tokens": usage.input_tokens,
        "input_cached_tokens": usage.input_cached_tokens,
        "output_tokens": usage.output_tokens,
        "output_reasoning_tokens": usage.output_reasoning_tokens,
        "input_audio_tokens": 0,
        "output_audio_tokens": 0,
    }


def _input_tokens(usage: Usage) -> dict[str, int]:
    return {"input_tokens": usage.input_tokens}


def _nothing(_usage: Usage) -> dict[str, int]:
    return {}


KINDS = (
    UsageKind(
        "completions",
        (Endpoint.CHAT_COMPLETIONS, Endpoint.COMPLETIONS),
        (*_OF_ALL, Grouping.BATCH, Grouping.TIER),
        frozenset({"batch"}),
        _completions,
    ),
    UsageKind("embeddings", (Endpoint.EMBEDDINGS,), _OF_ALL, frozenset(), _input_tokens),
    UsageKind("moderations", (Endpoint.MODERATIONS,), _OF_ALL, frozenset(), _input_tokens),
    UsageKind(
        "images",
        tuple(IMAGE_SOURCES),
        (*_OF_ALL, Grouping.SIZE, Grouping.SOURCE),
        frozenset({"sources", "sizes"}),
        lambda usage: {"images": usage.images},
    ),
    UsageKind(
        "audio_speeches",
        (Endpoint.AUDIO_SPEECH,),
        _OF_ALL,
        frozenset(),
        lambda usage: {"characters": usage.characters},
    ),
    UsageKind(
        "audio_transcriptions",
        (Endpoint.AUDIO_TRANSCRIPTIONS, Endpoint.AUDIO_TRANSLATIONS),
        _OF_ALL,
        frozenset(),
        # Whole seconds, rounded up once for the sum: rounding each request up would add up to a second for each.
        lambda usage: {"seconds": -(-usage.audio_milliseconds // 1000)},
    ),
    UsageKind("vector_stores", (), (Grouping.PROJECT,), frozenset(), _nothing),
    UsageKind("code_interpreter_sessions", (), (Grouping.PROJECT,), frozenset(), _nothing),
    UsageKind(
        "file_search_calls",
        (),
        (Grouping.PROJECT, Grouping.USER, Grouping.KEY, Grouping.VECTOR_STORE),
        frozenset({"vector_store_ids"}),
        _nothing,
    ),
    UsageKind("web_search_calls", (), (*_OF_ALL, Grouping.CONTEXT), frozenset({"context_levels"}), _nothing),
)
