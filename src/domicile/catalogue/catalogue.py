"""The contract's table: endpoint x snapshot x region (C20 to C26). What it does not list is refused."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from domicile.catalogue.endpoints import Endpoint
from domicile.catalogue.parameters import EndpointParameters, ParameterRule, endpoint_parameters
from domicile.catalogue.price_tables import load_prices
from domicile.catalogue.prices import PriceList
from domicile.catalogue.rate_limits import RateLimits
from domicile.catalogue.scale_unit import ScaleUnit
from domicile.catalogue.tables import (
    CatalogueError,
    ModelsFile,
    ModelTable,
    ParametersFile,
    TableT,
    canonical,
    parse_table,
    read_table,
)

PARAMETER_FILES = (
    "audio_speech_parameters.toml",
    "audio_transcriptions_parameters.toml",
    "audio_translations_parameters.toml",
    "chat_parameters.toml",
    "completions_parameters.toml",
    "embeddings_parameters.toml",
    "images_parameters.toml",
    "moderations_parameters.toml",
)


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A snapshot. Metering and answers use its `name`, also when a request named an alias."""

    name: str
    created: int
    """Seconds since the Unix epoch."""
    owned_by: str
    modalities: frozenset[str]
    """The inputs of the original model. What an engine reads is in the engine's settings."""
    features: frozenset[str]
    aliases: tuple[str, ...]
    rate_limits: RateLimits = RateLimits()  # noqa: RUF009 - frozen
    """Of each project that has none of its own."""
    output_tokens_max: int = 16_384
    scale_unit: ScaleUnit = ScaleUnit()  # noqa: RUF009 - frozen


class Ineligible(StrEnum):
    """Why an endpoint does not serve a snapshot in a region."""

    ENDPOINT = "endpoint"
    """The endpoint serves nothing in this region."""
    MODEL = "model"
    """The endpoint serves other models in this region."""


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether an endpoint serves a snapshot in a region; if not, the reason. Either way the snapshots that it serves there."""

    reason: Ineligible | None
    eligible_models: tuple[str, ...]

    @property
    def is_eligible(self) -> bool:
        """Whether the endpoint serves the snapshot."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    endpoint: Endpoint
    model: str
    region: str
    contract: str | None
    """The contract's line. None for a row beyond the contract, shipped or the operator's."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The whole table, immutable. The argument `region_rows` is `RegionSettings.catalogue_rows`."""

    version: str
    """The first 16 hex digits of the SHA-256 over the data, the operator's included."""
    rows: tuple[Row, ...]
    entries: Mapping[str, ModelEntry]
    """By name and by alias."""
    served: Mapping[tuple[Endpoint, str], tuple[str, ...]]
    """The snapshots of an endpoint in a region, in the table's order."""
    parameters: Mapping[Endpoint, EndpointParameters]
    prices: PriceList
    """Only the control plane's: a region computes with the prices of its snapshot."""

    def find_model(self, name: str) -> ModelEntry | None:
        """The snapshot of a name or an alias, the same in every region. None when the name is unknown."""
        return self.entries.get(name)

    def eligibility(self, endpoint: Endpoint, snapshot: str, region_rows: str) -> Eligibility:
        """Whether the endpoint serves this snapshot in the region."""
        served = self.served.get((endpoint, region_rows), ())
        if snapshot in served:
            return Eligibility(None, served)
        return Eligibility(Ineligible.MODEL if served else Ineligible.ENDPOINT, served)

    def eligible_models(self, endpoint: Endpoint, region_rows: str) -> tuple[str, ...]:
        """The snapshots that the endpoint serves in the region, in the table's order."""
        return self.served.get((endpoint, region_rows), ())

    def models(self, region_rows: str) -> tuple[ModelEntry, ...]:
        """The snapshots that any endpoint serves in the region, in the table's order."""
        names = dict.fromkeys(row.model for row in self.rows if row.region == region_rows)
        return tuple(self.entries[name] for name in names)

    def parameter_class(self, endpoint: Endpoint, name: str) -> ParameterRule | None:
        """The rule of an endpoint's parameter. None when the endpoint has no such parameter."""
        rules = self.parameters.get(endpoint)
        return rules.parameters.get(name) if rules is not None else None


def load_catalogue(operator_file: Path | None = None, prices_file: Path | None = None) -> Catalogue:
    """The shipped catalogue, with the operator's rows and prices added. Raises `CatalogueError`.

    An operator's file adds models and rows in the same form. It cannot reuse a name, an alias or a row, nor claim a line of
    the contract.
    """
    shipped = [_packaged("contract.toml", ModelsFile), _packaged("embedded.toml", ModelsFile)]
    parameters = [_packaged(name, ParametersFile) for name in PARAMETER_FILES]
    for file in shipped:
        for row in file.rows:
            if (row.contract is None) is not row.beyond_contract:
                raise CatalogueError("a shipped row must have either a line of the contract or beyond_contract = true")
    added = []
    if operator_file is not None:
        added.append(read_table(operator_file, ModelsFile))
        if any(row.contract is not None for row in added[0].rows):
            raise CatalogueError(f"{operator_file}: only the contract's own rows have a line of the contract")
    tables = [*shipped, *added]
    entries = _entries(model for file in tables for model in file.models)
    rows = _rows(tables, entries)
    served: dict[tuple[Endpoint, str], tuple[str, ...]] = {}
    for line in rows:
        key = (line.endpoint, line.region)
        served[key] = (*served.get(key, ()), line.model)
    rules = [endpoint_parameters(file) for file in parameters]
    return Catalogue(
        version=hashlib.sha256(b"\n".join(canonical(table) for table in (*tables, *parameters))).hexdigest()[:16],
        rows=rows,
        entries=MappingProxyType(entries),
        served=MappingProxyType(served),
        parameters=MappingProxyType({each.endpoint: each for each in rules}),
        prices=load_prices([entry.name for entry in entries.values()], prices_file),
    )


def _packaged(name: str, type_: type[TableT]) -> TableT:
    return parse_table(files("domicile.catalogue").joinpath("data", name).read_text("utf-8"), type_, name)


def _entries(models: Iterable[ModelTable]) -> dict[str, ModelEntry]:
    entries: dict[str, ModelEntry] = {}
    for model in models:
        entry = ModelEntry(
            model.name,
            model.created,
            model.owned_by,
            frozenset(model.modalities),
            frozenset(model.features),
            model.aliases,
            model.rate_limits,
            model.output_tokens_max,
            model.scale_unit,
        )
        for name in (model.name, *model.aliases):
            if name in entries:
                raise CatalogueError(
                    f"the catalogue has '{name}' twice: a name means one model, in every region the same"
                )
            entries[name] = entry
    return entries


def _rows(tables: Iterable[ModelsFile], entries: Mapping[str, ModelEntry]) -> tuple[Row, ...]:
    rows: list[Row] = []
    seen: set[tuple[Endpoint, str, str]] = set()
    for table in (row for file in tables for row in file.rows):
        for endpoint in table.endpoints:
            for name in table.models:
                if name not in entries or entries[name].name != name:
                    raise CatalogueError(
                        f"a row names '{name}', which is not the name of a model (an alias is not enough)"
                    )
                for region in table.regions:
                    if (endpoint, name, region) in seen:
                        raise CatalogueError(f"the catalogue has {endpoint} x {name} x {region} twice")
                    seen.add((endpoint, name, region))
                    rows.append(Row(endpoint, name, region, table.contract))
    return tuple(rows)
