"""Builds the services of the control plane and their endpoints."""

import sys
from dataclasses import dataclass

from domicile.catalogue.catalogue import Catalogue
from domicile.control_plane import secret_files
from domicile.control_plane.agreements.service import Agreements
from domicile.control_plane.audit.endpoints import AuditEndpoints
from domicile.control_plane.audit.service import AuditLog
from domicile.control_plane.changes import Changes
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.entitlements.costs import UnitCosts
from domicile.control_plane.entitlements.endpoints import EntitlementEndpoints
from domicile.control_plane.entitlements.service import Entitlements
from domicile.control_plane.entitlements.service_level_endpoints import ServiceLevelEndpoints
from domicile.control_plane.entitlements.service_levels import ServiceLevels
from domicile.control_plane.external_keys.endpoints import ExternalKeyEndpoints
from domicile.control_plane.external_keys.service import ExternalKeys
from domicile.control_plane.external_storage.endpoints import ExternalStorageEndpoints
from domicile.control_plane.external_storage.service import ExternalStorages
from domicile.control_plane.first_start import InstallationIdentity, open_installation
from domicile.control_plane.http import Endpoints
from domicile.control_plane.keys.endpoints import AdminKeyEndpoints, ProjectKeyEndpoints, ServiceAccountEndpoints
from domicile.control_plane.keys.service import AdminKeys, ProjectKeys, ServiceAccounts
from domicile.control_plane.organizations.endpoints import OrganizationEndpoints
from domicile.control_plane.organizations.service import Organizations
from domicile.control_plane.projects.destruction import Destructions
from domicile.control_plane.projects.destruction_endpoints import DestructionEndpoints
from domicile.control_plane.projects.endpoints import ProjectEndpoints
from domicile.control_plane.projects.permission_endpoints import PermissionEndpoints
from domicile.control_plane.projects.permissions import ProjectPermissions
from domicile.control_plane.projects.rate_limit_endpoints import RateLimitEndpoints
from domicile.control_plane.projects.rate_limits import ProjectRateLimits
from domicile.control_plane.projects.service import Projects
from domicile.control_plane.projects.service_tier_settings import ServiceTierSettings
from domicile.control_plane.projects.service_tier_settings_endpoints import ServiceTierSettingsEndpoints
from domicile.control_plane.publication.publisher import Publisher
from domicile.control_plane.publication.publisher_keys import PublisherKeys
from domicile.control_plane.regions.endpoints import BoundaryEndpoints, OperatorRegionEndpoints
from domicile.control_plane.regions.epochs import Epochs
from domicile.control_plane.regions.service import Regions
from domicile.control_plane.retention.endpoints import RetentionEndpoints
from domicile.control_plane.retention.service import RetentionControls
from domicile.control_plane.service_checks import CheckReports
from domicile.control_plane.spending.alert_endpoints import SpendAlertEndpoints
from domicile.control_plane.spending.alerts import SpendAlerts
from domicile.control_plane.spending.limit_endpoints import SpendLimitEndpoints
from domicile.control_plane.spending.limits import SpendLimits
from domicile.control_plane.usage.cost_endpoints import CostEndpoints
from domicile.control_plane.usage.costs import Costs
from domicile.control_plane.usage.endpoints import UsageEndpoints
from domicile.control_plane.usage.operator_endpoints import OperatorUsageEndpoints
from domicile.control_plane.usage.price_history import record_prices
from domicile.control_plane.usage.service import UsageTotals
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database
from domicile.settings.installation import ControlSettings, Installation


@dataclass(frozen=True, slots=True)
class ControlFoundation:
    """The parts that every service of the control plane shares."""

    installation: Installation
    identity: InstallationIdentity
    catalogue: Catalogue
    database: Database
    clock: Clock
    publisher: Publisher
    reader: Reader
    changes: Changes

    @property
    def directory(self) -> dict[str, str]:
        """The public host of each region, by its code."""
        return _directory(self.installation)


async def build_foundation(
    installation: Installation, database: Database, catalogue: Catalogue, clock: Clock
) -> ControlFoundation:
    """Build the shared parts.

    The first start also creates the installation's identity, the first organization and its first admin key. Raises
    `SecretFileError` if a key file cannot be used, and `PricesChangedError` for a price list that changes old invoices.
    """
    settings = installation.control
    identity = await open_installation(
        database,
        clock,
        with_agreement=settings.first_organization.agreement,
        hand_over=lambda secret: _hand_over(settings, secret),
    )
    await record_prices(database, catalogue.prices, clock.now_ms())
    publisher = Publisher(
        database,
        clock,
        installation_id=identity.installation_id,
        keys=PublisherKeys(settings.data, identity.installation_id, clock.now_ms()),
        directory=_directory(installation),
        catalogue_version=catalogue.version,
        prices=catalogue.prices,
    )
    return ControlFoundation(
        installation=installation,
        identity=identity,
        catalogue=catalogue,
        database=database,
        clock=clock,
        publisher=publisher,
        reader=Reader(database),
        changes=Changes(database, publisher, clock),
    )


async def open_regions(base: ControlFoundation) -> Regions:
    """The service of the configured regions. Raises `RegionChangedError` if a region differs from the recorded one."""
    regions = Regions(base.reader, base.changes, base.publisher, base.installation, base.identity.installation_id)
    await regions.compare_configuration()
    return regions


def build_endpoints(base: ControlFoundation, regions: Regions) -> Endpoints:
    """Build the endpoints of both listeners with their services."""
    reader, changes, installation_id = base.reader, base.changes, base.identity.installation_id
    project_keys = ProjectKeys(reader, changes)
    organizations = Organizations(reader, changes, installation_id, base.identity.first_organization_id)
    checks = CheckReports()
    external_keys = ExternalKeys(reader, changes, base.installation, checks)
    external_storages = ExternalStorages(reader, changes, base.installation, checks)
    entitlements = Entitlements(reader, changes, base.installation, base.catalogue)
    models = frozenset(entry.name for entry in base.catalogue.entries.values())
    units = UnitCosts(base.clock)
    return Endpoints(
        organizations=OrganizationEndpoints(organizations, Agreements(changes)),
        projects=ProjectEndpoints(Projects(reader, changes, base.installation)),
        rate_limits=RateLimitEndpoints(ProjectRateLimits(reader, changes, base.installation, base.catalogue)),
        permissions=PermissionEndpoints(ProjectPermissions(reader, changes, base.installation, base.catalogue)),
        service_levels=ServiceLevelEndpoints(
            entitlements, ServiceLevels(reader, base.database, base.clock), base.clock
        ),
        service_tier=ServiceTierSettingsEndpoints(ServiceTierSettings(reader, changes)),
        entitlements=EntitlementEndpoints(entitlements, base.clock),
        destruction=DestructionEndpoints(Destructions(reader, changes), base.clock),
        external_keys=ExternalKeyEndpoints(external_keys),
        external_storage=ExternalStorageEndpoints(external_storages),
        retention=RetentionEndpoints(RetentionControls(reader, changes, base.installation)),
        accounts=ServiceAccountEndpoints(ServiceAccounts(reader, changes, installation_id), project_keys),
        project_keys=ProjectKeyEndpoints(project_keys),
        admin_keys=AdminKeyEndpoints(AdminKeys(reader, changes, installation_id)),
        regions=OperatorRegionEndpoints(regions, Epochs(changes, base.publisher)),
        boundary=BoundaryEndpoints(regions),
        usage=UsageEndpoints(UsageTotals(reader, base.database, base.clock, models, base.catalogue.prices), base.clock),
        costs=CostEndpoints(Costs(reader, base.catalogue.prices, units), base.clock),
        operator_usage=OperatorUsageEndpoints(reader, base.catalogue.prices, units, base.clock),
        spend_limits=SpendLimitEndpoints(SpendLimits(reader, changes)),
        spend_alerts=SpendAlertEndpoints(SpendAlerts(reader, changes)),
        audit=AuditEndpoints(AuditLog(reader, base.database, checks, base.clock)),
    )


def _directory(installation: Installation) -> dict[str, str]:
    return {region.code: region.public_host for region in installation.regions}


def _hand_over(settings: ControlSettings, secret: str) -> None:
    """Give the first admin key to the operator: write it to the configured file, or print it once."""
    file = settings.first_organization.admin_key_file
    if file is not None:
        secret_files.write_secret(file, f"{secret}\n".encode())
        return
    sys.stdout.write(f"The first admin key, shown this once: {secret}\n")
    sys.stdout.flush()
