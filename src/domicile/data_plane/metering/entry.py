"""The ledger's entry for one request that an engine ran."""

from dataclasses import dataclass
from enum import StrEnum

from domicile.boundary.usage import ImageSize, ServiceTier, Usage
from domicile.catalogue.endpoints import Endpoint


class CountedBy(StrEnum):
    """Who counted the usage: the engine, or the platform when the engine sent no count."""

    ENGINE = "engine"
    PLATFORM = "platform"


class Outcome(StrEnum):
    """How the request ended."""

    COMPLETE = "complete"
    CLIENT_LEFT = "client_left"
    CUT_OFF = "cut_off"
    """The platform ended the answer: the process stopped, and the drain time was over."""
    ENGINE_BROKE_OFF = "engine_broke_off"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One request's caller, model, engine and usage, without any content."""

    request_id: str
    at_ms: int
    organization_id: str
    project_id: str
    key_id: str
    endpoint: Endpoint
    model: str
    tier: ServiceTier
    batch: bool
    engine: str
    country: str
    outcome: Outcome
    counted_by: CountedBy
    usage: Usage
    image_size: ImageSize | None = None
    """The size of generated images, if all have the same one of the specification's sizes. Else None."""
