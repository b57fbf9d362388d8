"""Sells, shows and ends entitlements. Only the operator sells and ends; an admin reads those of the organization's projects."""

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, select

from domicile.catalogue.catalogue import Catalogue, ModelEntry
from domicile.control_plane import control_errors
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reader, Reading
from domicile.control_plane.entitlements.repository import (
    SoldEntitlement,
    Status,
    count_open,
    end_entitlement,
    find_entitlement,
    insert_entitlement,
    list_entitlements,
)
from domicile.control_plane.idempotency import Attempt, find_made, remember
from domicile.control_plane.principals.principal import Administrator, Operator
from domicile.control_plane.projects.repository import Project, get_project, project_of
from domicile.control_plane.projects.service import require_active
from domicile.kernel import errors
from domicile.kernel.ids import new_id
from domicile.kernel.paging import Window
from domicile.settings.installation import Installation

OPEN_MAX = 32
"""Entitlements of one project that are in force or will be. Each request of the project looks through them."""
_FEATURE = "scale_tier"


@dataclass(frozen=True, slots=True)
class Sale:
    """What the operator sells: units of one model, from one time until another. Prices: for a unit and day, in nanodollars."""

    project_id: str
    model: str
    input_units: int
    output_units: int
    input_unit_price: int
    output_unit_price: int
    from_ms: int | None
    """None: from now on."""
    until_ms: int


class Entitlements:
    """The entitlements of all projects."""

    def __init__(self, reader: Reader, changes: Changes, installation: Installation, catalogue: Catalogue) -> None:
        self._reader = reader
        self._changes = changes
        self._installation = installation
        self._catalogue = catalogue

    async def page(
        self, principal: Operator | Administrator, part: Window, *, project_id: str | None
    ) -> tuple[list[SoldEntitlement], bool]:
        """One page, and whether there are more. `project_id` filters; an admin names one. Raises 404 for an unknown project."""
        async with self._reader.reading(principal) as reading:
            scope = await _scope(reading, principal, project_id)
            return await list_entitlements(reading, part, scope=scope)

    async def get(
        self, principal: Operator | Administrator, entitlement_id: str, *, project_id: str | None = None
    ) -> SoldEntitlement:
        """One entitlement. Raises 404, also for one of another project or organization."""
        async with self._reader.reading(principal) as reading:
            scope = await _scope(reading, principal, project_id)
            return _required(await find_entitlement(reading, entitlement_id, scope=scope), entitlement_id)

    async def sell(self, operator: Operator, sale: Sale, attempt: Attempt | None = None) -> SoldEntitlement:
        """Sells units of a model that the project's region serves.

        Raises 404 for an unknown project, 400 for an archived one, for a model without Scale Tier and for a wrong time, 409 for
        a project with `OPEN_MAX` entitlements.
        """
        async with self._changes.begin(operator) as change:
            made = await find_made(change, attempt, change.now_ms)
            if made is not None:
                return _required(await find_entitlement(change, made.resource_id), made.resource_id)
            project = await _project(change, sale.project_id)
            require_active(project)
            unit = self._model(project, sale.model).scale_unit
            from_ms = change.now_ms if sale.from_ms is None else sale.from_ms
            _check_times(from_ms, sale.until_ms, change.now_ms)
            if await count_open(change, project.id, change.now_ms) >= OPEN_MAX:
                raise control_errors.too_many_entitlements(project.id, OPEN_MAX)
            sold = SoldEntitlement(
                id=new_id("ent_"),
                organization_id=project.organization_id,
                project_id=project.id,
                models=(sale.model,),
                input_units=sale.input_units,
                output_units=sale.output_units,
                input_tokens_per_minute=sale.input_units * unit.input_tokens_per_minute,
                output_tokens_per_minute=sale.output_units * unit.output_tokens_per_minute,
                input_unit_price=sale.input_unit_price,
                output_unit_price=sale.output_unit_price,
                from_ms=from_ms,
                until_ms=sale.until_ms,
                created_at_ms=change.now_ms,
            )
            writing = await change.record(_event("entitlement.sold", sold, project))
            await insert_entitlement(writing, sold)
            await remember(writing, attempt, change.now_ms, sold.id)
            change.publish_to(project.region, project.id)
        return sold

    async def end(self, operator: Operator, entitlement_id: str) -> SoldEntitlement:
        """Ends an entitlement now, also before its start. One that has ended stays as it is. Raises 404."""
        async with self._changes.begin(operator) as change:
            sold = _required(await find_entitlement(change, entitlement_id), entitlement_id)
            if sold.status(change.now_ms) is Status.ENDED:
                return sold
            ended = replace(sold, until_ms=change.now_ms, cancelled_at_ms=change.now_ms)
            project = await _project(change, sold.project_id)
            await end_entitlement(await change.record(_event("entitlement.ended", ended, project)), ended)
            change.publish_to(project.region, project.id)
        return ended

    def _model(self, project: Project, name: str) -> ModelEntry:
        """The model. Raises 400 unless Scale Tier is sold for it in the project's region. An alias is not a snapshot's name."""
        served = self._catalogue.models(self._installation.region(project.region).catalogue_rows)
        sold = {each.name: each for each in served if _FEATURE in each.features}
        if name not in sold:
            raise control_errors.no_scale_tier(name, project.region, list(sold))
        return sold[name]


def _check_times(from_ms: int, until_ms: int, now_ms: int) -> None:
    # An entitlement in the past would change bills that have been read.
    if from_ms < now_ms:
        raise errors.invalid_value("'starts_at' must not be in the past. Leave it out to start now.", "starts_at")
    if until_ms <= from_ms:
        raise errors.invalid_value("'ends_at' must be later than 'starts_at'.", "ends_at")


async def _scope(
    reading: Reading, principal: Operator | Administrator, project_id: str | None
) -> list[ColumnElement[bool]]:
    """The entitlements that the principal may see. An admin's project must be the organization's."""
    table = tables.entitlement
    scope: list[ColumnElement[bool]] = []
    if isinstance(principal, Administrator):
        scope.append(table.c.organization_id == principal.organization_id)
        if project_id is not None:
            await get_project(reading, principal.organization_id, project_id)
    if project_id is not None:
        scope.append(table.c.project_id == project_id)
    return scope


async def _project(reading: Reading, project_id: str) -> Project:
    row = await reading.first(select(tables.project).where(tables.project.c.id == project_id))
    if row is None:
        raise errors.not_found("project", project_id)
    return project_of(row)


def _required(found: SoldEntitlement | None, entitlement_id: str) -> SoldEntitlement:
    if found is None:
        raise errors.not_found("entitlement", entitlement_id)
    return found


def _event(kind: str, sold: SoldEntitlement, project: Project) -> Event:
    data = {
        "models": sold.models,
        "input_units": sold.input_units,
        "output_units": sold.output_units,
        "from_ms": sold.from_ms,
        "until_ms": sold.until_ms,
    }
    return Event(
        kind,
        sold.id,
        organization_id=sold.organization_id,
        project_id=sold.project_id,
        region=project.region,
        detail={"data": data},
    )
