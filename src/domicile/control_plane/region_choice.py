"""The region in which an organization creates something: named by the caller, or the default region (C09, C11)."""

from domicile.control_plane import control_errors
from domicile.control_plane.agreements.service import require_agreement
from domicile.control_plane.database.transactions import Reading
from domicile.control_plane.regions.repository import find_region
from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile.settings.installation import Installation, RegionSettings


def choose_region(installation: Installation, *, residency: str | None, geography: str | None = None) -> RegionSettings:
    """The named region; the default region if nothing is named. Raises 400 `invalid_residency`, which lists the choices."""
    if residency is not None and geography is not None:
        raise control_errors.invalid_residency(
            "Give 'residency' or the older 'geography', not both. " + _choices(installation), "geography"
        )
    for region in installation.regions:
        if residency == region.residency:
            return region
        if geography is not None and geography.upper() == region.geography:
            return region
    if residency is not None:
        raise _unknown(installation, "residency", residency)
    if geography is not None:
        raise _unknown(installation, "geography", geography)
    return installation.region(installation.default_region)


async def require_open_region(reading: Reading, organization_id: str, region: RegionSettings) -> None:
    """Raises 403 without the agreements that the region requires (C01), 503 before it is enrolled."""
    await require_agreement(reading, organization_id, region)
    if await find_region(reading, region.code) is None:
        raise errors.service_unavailable(
            f"Region '{region.code}' is not enrolled yet, so nothing can be created in it. "
            "Ask the operator of this platform to enroll it.",
            retry_after_s=5,
        )


def _unknown(installation: Installation, param: str, value: str) -> DomicileError:
    return control_errors.invalid_residency(
        f"'{value}' is not a {param} of this platform. " + _choices(installation), param
    )


def _choices(installation: Installation) -> str:
    residencies = ", ".join(region.residency for region in installation.regions)
    geographies = ", ".join(region.geography for region in installation.regions)
    return f"Valid values of 'residency': {residencies}; of 'geography': {geographies}."
