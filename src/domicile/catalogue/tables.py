"""The shape of the catalogue's files. An unknown member is an error: a misspelt one must not be ignored."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from domicile.catalogue.endpoints import Endpoint
from domicile.catalogue.rate_limits import RateLimits
from domicile.catalogue.scale_unit import ScaleUnit
from domicile.kernel.ids import RegionCode

# A snapshot's name crosses the boundary with usage, so it must not be free text (`boundary.usage.ModelSnapshot`).
SnapshotName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]
Alias = Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,128}\Z")]
ContractLine = Annotated[str, Meta(pattern=r"^C2[0-6]\Z")]
Modality = Literal["text", "image", "audio"]
Feature = Literal[
    "structured_outputs", "tools", "scale_tier", "dimensions", "several_images", "reasoning", "reasoning_preview"
]
RefusalCode = Literal["unsupported_parameter", "url_not_allowed"]

TableT = TypeVar("TableT", bound=Struct)


class CatalogueError(ValueError):
    """The catalogue cannot be used. The text says which file and why."""


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a file: a member that it does not have is an error."""


class ModelTable(Table, frozen=True):
    """One `[[models]]` entry."""

    name: SnapshotName
    created: Annotated[int, Meta(ge=0)]
    owned_by: Alias
    modalities: Annotated[tuple[Modality, ...], Meta(min_length=1)]
    features: tuple[Feature, ...] = ()
    aliases: tuple[Alias, ...] = ()
    rate_limits: RateLimits = RateLimits()
    output_tokens_max: Annotated[int, Meta(ge=1)] = 16_384
    """What an answer may have at most: reserved for a request that sets no limit itself."""
    scale_unit: ScaleUnit = ScaleUnit()
    """What one unit entitles to, where the model has the feature `scale_tier`."""


class RowTable(Table, frozen=True):
    """One `[[rows]]` entry: each of its models at each of its endpoints in each of its regions."""

    endpoints: Annotated[tuple[Endpoint, ...], Meta(min_length=1)]
    models: Annotated[tuple[SnapshotName, ...], Meta(min_length=1)]
    regions: Annotated[tuple[RegionCode, ...], Meta(min_length=1)]
    contract: ContractLine | None = None
    """The line of the contract that lists the row."""
    beyond_contract: bool = False
    """Whether the row ships with Domicile although the contract does not list it."""


class ModelsFile(Table, frozen=True):
    """A file of models and rows."""

    models: tuple[ModelTable, ...] = ()
    rows: tuple[RowTable, ...] = ()


class RefusalTable(Table, frozen=True):
    """Why a parameter is refused."""

    code: RefusalCode
    reason: Annotated[str, Meta(min_length=1)]


class RefusedValuesTable(Table, frozen=True):
    """Why some values of a parameter are refused."""

    values: Annotated[tuple[str, ...], Meta(min_length=1)]
    code: RefusalCode
    reason: Annotated[str, Meta(min_length=1)]


class MemberTable(Table, frozen=True, rename={"kind": "class"}):
    """The rule of a nested member."""

    kind: Literal["platform", "refuse", "inline"]
    code: RefusalCode | None = None
    reason: str = ""


class FeatureLimitsTable(Table, frozen=True):
    """What a model with a feature refuses although its endpoint accepts it. The default value is never refused."""

    refuse: tuple[str, ...] = ()
    """Parameters that the model does not have."""
    instead: dict[str, str] = {}
    """By refused parameter, the parameter to use in its place."""
    default_only: tuple[str, ...] = ()
    """Parameters that accept their default value only."""
    refused_roles: tuple[str, ...] = ()
    """Roles that no message may have."""


class ParametersFile(Table, frozen=True, rename={"passed": "pass"}):
    """The classes of one endpoint's parameters."""

    endpoint: Endpoint
    passed: tuple[str, ...]
    platform: tuple[str, ...] = ()
    refuse: dict[str, RefusalTable] = {}
    refused_values: dict[str, RefusedValuesTable] = {}
    members: dict[str, MemberTable] = {}
    defaults: dict[str, Any] = {}
    """The specification's defaults. Such a value requests nothing, and is not sent to an engine."""
    sent_defaults: dict[str, Any] = {}
    """Defaults that engines may set otherwise. So they are sent, except to an engine that cannot honour the parameter."""
    only_with: dict[str, str] = {}
    """By parameter, the other parameter without which it has no meaning."""
    ignorable: dict[str, Feature] = {}
    """Parameters that may be left out for an engine without them, when the model has the feature. A header tells the caller."""
    features: dict[Feature, FeatureLimitsTable] = {}
    dropped: dict[str, Annotated[str, Meta(min_length=1)]] = {}
    """Nested members that are read but not forwarded, each with the clients known to send it."""


def parse_table(text: str, type_: type[TableT], source: str) -> TableT:
    """A file's text as a `type_`. `source` names it in errors. Raises `CatalogueError`."""
    try:
        return msgspec.convert(tomllib.loads(text), type_)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"{source}: {error}") from error


def read_table(file: Path, type_: type[TableT]) -> TableT:
    """A file as a `type_`. Raises `CatalogueError`."""
    try:
        return parse_table(file.read_text("utf-8"), type_, str(file))
    except OSError as error:
        raise CatalogueError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{file} is not UTF-8") from error


def canonical(value: Any) -> bytes:
    """Bytes that are equal for equal tables, independent of comments and layout of their files."""
    return msgspec.json.encode(value, order="deterministic")
