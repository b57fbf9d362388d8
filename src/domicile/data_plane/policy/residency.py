"""The region's rules that hold for every caller: eligible models, refused parameters and values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domicile.catalogue.catalogue import Catalogue, Ineligible, ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane import region_errors
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.content import refusal
from domicile.data_plane.policy.endpoint_rules import EndpointRules, endpoint_rules
from domicile.openai_api.closed import ModelRequest
from domicile.settings.engines import EngineSettings
from domicile.settings.fetch_hosts import FetchHost
from domicile.settings.installation import RegionSettings


@dataclass(frozen=True, slots=True)
class ResidencyPolicy:
    """The settings and catalogue rules of one region. Built once, at the start."""

    region: str
    rows: str
    """The code whose rows of the catalogue apply to this region."""
    requires_enterprise: bool
    requires_zdr: bool
    allows_storing: bool
    catalogue: Catalogue
    rules: Mapping[Endpoint, EndpointRules]
    fetch_hosts: tuple[FetchHost, ...]
    """Hosts inside the region from which the platform may fetch images."""
    image_engines: tuple[EngineSettings, ...]
    """The engines of the region that accept images."""

    @classmethod
    def for_region(cls, settings: RegionSettings, catalogue: Catalogue) -> "ResidencyPolicy":
        """The policy of a configured region.

        Raises ValueError when a request parameter has no class in the catalogue, or an engine is bound to a name that is not
        a snapshot.
        """
        for engine in settings.engines:
            for name in engine.models:
                found = catalogue.find_model(name)
                if found is None or found.name != name:
                    raise ValueError(
                        f"engine '{engine.name}' of region '{settings.code}' is bound to '{name}', which is not a snapshot of "
                        "the catalogue (an alias does not count): correct it, or add the snapshot in catalogue_file"
                    )
        return cls(
            region=settings.code,
            rows=settings.catalogue_rows,
            requires_enterprise="enterprise" in settings.requires,
            requires_zdr="zdr" in settings.requires,
            allows_storing=settings.allows_storing,
            catalogue=catalogue,
            rules=endpoint_rules(catalogue),
            fetch_hosts=settings.fetch_hosts,
            image_engines=tuple(engine for engine in settings.engines if "image" in engine.modalities),
        )

    def reads_images(self, endpoint: Endpoint, snapshot: str) -> bool:
        """Whether any engine of the region accepts images for the snapshot at the endpoint."""
        return any(engine.serves(endpoint, snapshot) for engine in self.image_engines)

    def models(self) -> tuple[ModelEntry, ...]:
        """Every snapshot that is eligible in this region for at least one endpoint."""
        return self.catalogue.models(self.rows)

    def eligible_model(self, endpoint: Endpoint, name: str) -> ModelEntry:
        """The snapshot of a name or alias. Raises 404 for an unknown name, 400 for a model that is not eligible here."""
        model = self.catalogue.find_model(name)
        if model is None:
            raise region_errors.model_not_found(name)
        eligibility = self.catalogue.eligibility(endpoint, model.name, self.rows)
        if eligibility.reason is Ineligible.ENDPOINT:
            raise region_errors.endpoint_not_eligible(endpoint, self.region)
        if eligibility.reason is Ineligible.MODEL:
            raise region_errors.model_not_eligible(name, endpoint, self.region, list(eligibility.eligible_models))
        return model

    def check_parameters(self, endpoint: Endpoint, request: ModelRequest, asked: frozenset[str]) -> None:
        """Raises 400 for a refused parameter or value. `asked`: parameters not at their default."""
        rules = self.rules[endpoint]
        for name, rule in rules.refused:
            if name in asked:
                raise refusal(rule, name)
        for name, rule in rules.refused_values:
            if _holds(getattr(request, name), rule.refused_values):
                raise refusal(rule, name)


def may_use(caller: Caller, model: ModelEntry) -> bool:
    """Whether the project's list of models, if it has one, allows the model."""
    permissions = caller.project.models
    return permissions is None or permissions.allow(model.name)


def check_model_permission(caller: Caller, requested: str, model: ModelEntry) -> None:
    """Raises 403 for a model that the caller's project may not use. `requested`: its name in the request."""
    if not may_use(caller, model):
        raise region_errors.model_not_permitted(caller.project.project_id, requested)


def _holds(value: Any, refused: frozenset[str]) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(item in refused for item in values)
