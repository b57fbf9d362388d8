"""Rate limits of projects: shown for each model of the project's region, and lowered by an admin (contract C19)."""

from dataclasses import dataclass, replace

import msgspec

from domicile.boundary.rate_limits import ProjectRateLimit, effective_rate_limits
from domicile.catalogue.catalogue import Catalogue, ModelEntry
from domicile.catalogue.rate_limits import RateLimits
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.repository import Project, get_project, set_rate_limits
from domicile.control_plane.projects.service import require_active
from domicile.kernel import errors
from domicile.settings.installation import Installation

_ID_PREFIX = "rl_"


class RateLimitTooHighError(Exception):
    """A limit above the catalogue's."""

    def __init__(self, name: str, model: str, highest: int) -> None:
        super().__init__()
        self.name = name
        self.model = model
        self.highest = highest


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """The limits in force for a project and one model."""

    model: str
    limits: RateLimits

    @property
    def id(self) -> str:
        """The same in every project."""
        return f"{_ID_PREFIX}{self.model}"


class ProjectRateLimits:
    """Reads and sets the limits of an organization's projects."""

    def __init__(self, reader: Reader, changes: Changes, installation: Installation, catalogue: Catalogue) -> None:
        self._reader = reader
        self._changes = changes
        self._installation = installation
        self._catalogue = catalogue

    async def all(self, administrator: Administrator, project_id: str) -> list[ModelLimits]:
        """The limits of every model that the project's region serves, in the catalogue's order."""
        async with self._reader.reading(administrator) as reading:
            project = await get_project(reading, administrator.organization_id, project_id)
        return [self._shown(project, entry) for entry in self._models(project)]

    async def modify(
        self, administrator: Administrator, project_id: str, rate_limit_id: str, values: dict[str, int]
    ) -> ModelLimits:
        """Set some of the limits of one model. `values`: by the names of `RateLimits`.

        Raises 404 for an unknown project or limit, and `RateLimitTooHighError`.
        """
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            require_active(project)
            entry = next((each for each in self._models(project) if _ID_PREFIX + each.name == rate_limit_id), None)
            if entry is None:
                raise errors.not_found("rate limit", rate_limit_id)
            for name, value in values.items():
                highest = getattr(entry.rate_limits, name)
                if highest is not None and value > highest:
                    raise RateLimitTooHighError(name, entry.name, highest)
            changed = _with(project, entry.name, values)
            if changed == project:
                return self._shown(project, entry)
            event = Event(
                "rate_limit.updated",
                rate_limit_id,
                organization_id=project.organization_id,
                project_id=project.id,
                detail={"changes_requested": values},
            )
            await set_rate_limits(await change.record(event), changed)
            change.publish_to(project.region, project.id)
        return self._shown(changed, entry)

    def _models(self, project: Project) -> tuple[ModelEntry, ...]:
        return self._catalogue.models(self._installation.region(project.region).catalogue_rows)

    def _shown(self, project: Project, entry: ModelEntry) -> ModelLimits:
        return ModelLimits(entry.name, effective_rate_limits(project.rate_limits, entry.name, entry.rate_limits))


def _with(project: Project, model: str, values: dict[str, int]) -> Project:
    """The project with these values of its own. The others of the model stay."""
    own = {limit.model: limit for limit in project.rate_limits}
    own[model] = msgspec.structs.replace(own.get(model, ProjectRateLimit(model)), **values)
    return replace(project, rate_limits=tuple(own[name] for name in sorted(own)))
