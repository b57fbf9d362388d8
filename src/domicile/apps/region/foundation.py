"""The parts that every builder of a region needs."""

from dataclasses import dataclass

from domicile.apps.region.storage import Storage
from domicile.catalogue.catalogue import Catalogue
from domicile.data_plane.clock import RegionClock
from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.settings.installation import RegionSettings


@dataclass(frozen=True, slots=True)
class Foundation:
    """The settings and the parts that all parts of a region share."""

    settings: RegionSettings
    catalogue: Catalogue
    installation_id: str
    clock: RegionClock
    egress: EgressPolicy
    storage: Storage
    snapshots: CurrentSnapshot
