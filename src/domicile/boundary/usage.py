"""Usage that a region reports to the control plane. The ledger of single requests stays in the region (contract C07)."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from domicile.catalogue.endpoints import Endpoint
from domicile.kernel.ids import FineTunedModelId, KeyId, OrganizationId, ProjectId, RegionCode, WriterId

# The name of a snapshot in the catalogue, where admission has looked it up. Never the caller's own text.
ModelSnapshot = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]


# More than any key uses in a minute, and so small that sums of it fit into a database's integers.
Quantity = Annotated[int, Meta(ge=0, le=2**40)]


Minute = Annotated[int, Meta(ge=0, le=2**32, description="minutes since the Unix epoch")]


class ServiceTier(StrEnum):
    """The processing that was used (contract C19)."""

    DEFAULT = "default"
    SCALE = "scale"


class ImageSize(StrEnum):
    """Width x height of a generated image, in pixels: the sizes that OpenAI's specification lists."""

    SQUARE_256 = "256x256"
    SQUARE_512 = "512x512"
    SQUARE_1024 = "1024x1024"
    LANDSCAPE_1536 = "1536x1024"
    PORTRAIT_1536 = "1024x1536"
    LANDSCAPE_1792 = "1792x1024"
    PORTRAIT_1792 = "1024x1792"


class Usage(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The quantities of one answer, or the sum of many. Units are in the names.

    An absent quantity is 0. So the reports of older regions can be read, and a new quantity changes a report only where it
    was used.
    """

    input_tokens: Quantity = 0
    input_cached_tokens: Quantity = 0
    output_tokens: Quantity = 0
    output_reasoning_tokens: Quantity = 0
    characters: Quantity = 0
    """Of text that was turned into speech."""
    audio_milliseconds: Quantity = 0
    """Of recordings that were transcribed or translated."""
    images: Quantity = 0
    """Generated images."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))


class UsageDelta(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The usage of one key in one minute, to be added to that minute's total. A minute may arrive in several parts."""

    minute: Minute
    organization_id: OrganizationId
    project_id: ProjectId
    key_id: KeyId
    model: ModelSnapshot
    fine_tuned_model: FineTunedModelId | None
    endpoint: Endpoint
    tier: ServiceTier
    batch: bool
    requests: Quantity
    usage: Usage
    image_size: ImageSize | None = None
    """None when no image was made, or its size is not in the list."""


class UsageReport(Struct, frozen=True, forbid_unknown_fields=True):
    """A batch of deltas, numbered by its writer. Sent at least once; (region, writer, number) is counted once."""

    region: RegionCode
    writer: WriterId
    number: Annotated[int, Meta(ge=1)]
    deltas: tuple[UsageDelta, ...]


class Received(Struct, frozen=True, forbid_unknown_fields=True):
    """The control plane's answer to a report. `new` is false when it had been counted before."""

    new: bool
