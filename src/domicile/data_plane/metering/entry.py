"""One answered request, as the ledger keeps it."""

from dataclasses import dataclass
from enum import StrEnum

from domicile.boundary.usage import ImageSize, ServiceTier, Usage
from domicile.catalogue.endpoints import Endpoint


class CountedBy(StrEnum):
    """Who counted: the engine, or the platform where the engine's count never came."""

    ENGINE = "engine"
    PLATFORM = "platform"


class Outcome(StrEnum):
    """How the answer ended."""

    COMPLETE = "complete"
    CLIENT_LEFT = "client_left"
    CUT_OFF = "cut_off"
    """By the platform itself: the process stopped, and the answer outlived its drain."""
    ENGINE_BROKE_OFF = "engine_broke_off"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """No content: who, what, where, how much."""

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
    """Of generated images."""
