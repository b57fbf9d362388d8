"""The URL map of both listeners, and the authentication that each call needs before its handler runs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domicile.boundary import protocol
from domicile.control_plane.audit.endpoints import AuditEndpoints
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Platform, Reader
from domicile.control_plane.entitlements.endpoints import EntitlementEndpoints
from domicile.control_plane.entitlements.service_level_endpoints import ServiceLevelEndpoints
from domicile.control_plane.external_keys.endpoints import ExternalKeyEndpoints
from domicile.control_plane.external_storage.endpoints import ExternalStorageEndpoints
from domicile.control_plane.keys.endpoints import AdminKeyEndpoints, ProjectKeyEndpoints, ServiceAccountEndpoints
from domicile.control_plane.organizations.endpoints import OrganizationEndpoints
from domicile.control_plane.principals.authentication import Authentication
from domicile.control_plane.principals.principal import Administrator, EnrolledRegion, Operator
from domicile.control_plane.projects.destruction_endpoints import DestructionEndpoints
from domicile.control_plane.projects.endpoints import ProjectEndpoints
from domicile.control_plane.projects.permission_endpoints import PermissionEndpoints
from domicile.control_plane.projects.rate_limit_endpoints import RateLimitEndpoints
from domicile.control_plane.projects.service_tier_settings_endpoints import ServiceTierSettingsEndpoints
from domicile.control_plane.regions.endpoints import BoundaryEndpoints, OperatorRegionEndpoints
from domicile.control_plane.retention.endpoints import RetentionEndpoints
from domicile.control_plane.spending.alert_endpoints import SpendAlertEndpoints
from domicile.control_plane.spending.limit_endpoints import SpendLimitEndpoints
from domicile.control_plane.usage.cost_endpoints import CostEndpoints
from domicile.control_plane.usage.endpoints import UsageEndpoints
from domicile.control_plane.usage.kinds import KINDS
from domicile.control_plane.usage.operator_endpoints import OperatorUsageEndpoints
from domicile.kernel import errors
from domicile.web.application import log_caller
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import json_response, read_body

Handler = Callable[[Request], Awaitable[Response]]
AdminHandler = Callable[[Administrator, Request], Awaitable[Response]]
OperatorHandler = Callable[[Operator, Request], Awaitable[Response]]
RegionHandler = Callable[[EnrolledRegion, Request, bytes], Awaitable[Response]]

BOUNDARY_BODY_LIMIT = body_limit("/boundary/v1")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The handlers of both listeners, by resource."""

    organizations: OrganizationEndpoints
    projects: ProjectEndpoints
    rate_limits: RateLimitEndpoints
    permissions: PermissionEndpoints
    service_tier: ServiceTierSettingsEndpoints
    entitlements: EntitlementEndpoints
    service_levels: ServiceLevelEndpoints
    destruction: DestructionEndpoints
    external_keys: ExternalKeyEndpoints
    external_storage: ExternalStorageEndpoints
    retention: RetentionEndpoints
    accounts: ServiceAccountEndpoints
    project_keys: ProjectKeyEndpoints
    admin_keys: AdminKeyEndpoints
    regions: OperatorRegionEndpoints
    boundary: BoundaryEndpoints
    usage: UsageEndpoints
    costs: CostEndpoints
    operator_usage: OperatorUsageEndpoints
    spend_limits: SpendLimitEndpoints
    spend_alerts: SpendAlertEndpoints
    audit: AuditEndpoints


def admin_routes(
    authentication: Authentication, endpoints: Endpoints, health: Handler, metrics: OperatorHandler
) -> list[Route]:
    """The Admin API, the operator API, the metrics and the health check."""
    organization = "/v1/organization"
    project = f"{organization}/projects/{{project_id}}"
    account = f"{project}/service_accounts/{{account_id}}"
    external_key = f"{organization}/external_keys/{{external_key_id}}"
    external_storage = f"{organization}/external_storage/{{external_storage_id}}"
    of = endpoints

    def admin(path: str, **handlers: AdminHandler) -> Route:
        return _route(path, {name: _for_admin(authentication, handler) for name, handler in handlers.items()})

    def operate(path: str, **handlers: OperatorHandler) -> Route:
        return _route(path, {name: _for_operator(authentication, handler) for name, handler in handlers.items()})

    return [
        admin(f"{organization}/projects", GET=of.projects.page, POST=of.projects.create),
        admin(project, GET=of.projects.get, POST=of.projects.modify),
        admin(f"{project}/archive", POST=of.projects.archive),
        admin(f"{project}/rate_limits", GET=of.rate_limits.page),
        admin(f"{project}/rate_limits/{{rate_limit_id}}", POST=of.rate_limits.modify),
        admin(
            f"{project}/model_permissions",
            GET=of.permissions.get_models,
            POST=of.permissions.set_models,
            DELETE=of.permissions.delete_models,
        ),
        admin(
            f"{project}/ip_allowlist",
            GET=of.permissions.get_networks,
            POST=of.permissions.set_networks,
            DELETE=of.permissions.delete_networks,
        ),
        *_scale_tier_routes(project, admin, of),
        admin(f"{project}/data_retention", GET=of.retention.get_of_project, POST=of.retention.modify_of_project),
        admin(f"{project}/service_accounts", GET=of.accounts.page, POST=of.accounts.create),
        admin(account, GET=of.accounts.get, POST=of.accounts.modify, DELETE=of.accounts.delete),
        admin(f"{account}/api_keys", POST=of.accounts.create_key),
        admin(f"{account}/api_keys/{{key_id}}", DELETE=of.accounts.revoke_key),
        admin(f"{project}/api_keys", GET=of.project_keys.page),
        admin(f"{project}/api_keys/{{key_id}}", GET=of.project_keys.get, DELETE=of.project_keys.revoke),
        admin(f"{organization}/admin_api_keys", GET=of.admin_keys.page, POST=of.admin_keys.create),
        admin(f"{organization}/admin_api_keys/{{key_id}}", GET=of.admin_keys.get, DELETE=of.admin_keys.delete),
        admin(f"{organization}/external_keys", GET=of.external_keys.page, POST=of.external_keys.register),
        admin(external_key, GET=of.external_keys.get, DELETE=of.external_keys.remove),
        admin(f"{external_key}/validate", POST=of.external_keys.validate),
        admin(f"{organization}/external_storage", GET=of.external_storage.page, POST=of.external_storage.register),
        admin(external_storage, GET=of.external_storage.get, DELETE=of.external_storage.remove),
        admin(f"{external_storage}/validate", POST=of.external_storage.validate),
        admin(f"{organization}/data_retention", GET=of.retention.get, POST=of.retention.modify),
        *(admin(f"{organization}/usage/{kind.name}", GET=of.usage.of(kind)) for kind in KINDS),
        admin(f"{organization}/costs", GET=of.costs.page),
        *(route for owner in (organization, project) for route in _spending_routes(owner, admin, of)),
        admin(f"{organization}/audit_logs", GET=of.audit.page),
        *_operator_routes(operate, of),
        operate("/metrics", GET=metrics),
        _route("/healthz", {"GET": health}),
    ]


def _operator_routes(operate: Callable[..., Route], of: Endpoints) -> list[Route]:
    """The operator API."""
    operator = "/operator/v1"
    return [
        operate(f"{operator}/organization", GET=of.organizations.get, POST=of.organizations.merge),
        operate(f"{operator}/organizations", GET=of.organizations.page, POST=of.organizations.create),
        operate(f"{operator}/organizations/{{organization_id}}", GET=of.organizations.get, POST=of.organizations.merge),
        operate(f"{operator}/regions", GET=of.regions.list_regions),
        operate(f"{operator}/regions/{{code}}/enrollment_tokens", POST=of.regions.make_token),
        operate(f"{operator}/epoch", POST=of.regions.declare_epoch),
        operate(
            f"{operator}/projects/{{project_id}}/destroy", POST=of.destruction.request, DELETE=of.destruction.cancel
        ),
        *_entitlement_routes(f"{operator}/entitlements", operate, of),
        operate(f"{operator}/deletion_records", GET=of.destruction.records),
        operate(f"{operator}/usage", GET=of.operator_usage.usage),
        operate(f"{operator}/costs", GET=of.operator_usage.costs),
        operate(f"{operator}/audit_logs", GET=of.audit.page_of_all),
    ]


def _spending_routes(owner: str, admin: Callable[..., Route], of: Endpoints) -> list[Route]:
    """The limit and the alerts of an organization, or of a project."""
    limits, alerts = of.spend_limits, of.spend_alerts
    return [
        admin(f"{owner}/spend_limit", GET=limits.get, POST=limits.put, DELETE=limits.remove),
        admin(f"{owner}/spend_alerts", GET=alerts.page, POST=alerts.create),
        admin(f"{owner}/spend_alerts/{{alert_id}}", GET=alerts.get, POST=alerts.modify, DELETE=alerts.remove),
    ]


def _scale_tier_routes(project: str, admin: Callable[..., Route], of: Endpoints) -> list[Route]:
    """What has been sold to a project, for the organization's admin."""
    sold = f"{project}/entitlements"
    return [
        admin(f"{project}/service_tier_settings", GET=of.service_tier.get, POST=of.service_tier.update),
        admin(sold, GET=of.entitlements.page),
        admin(f"{sold}/{{entitlement_id}}", GET=of.entitlements.get),
        admin(f"{sold}/{{entitlement_id}}/service_levels", GET=of.service_levels.get),
    ]


def _entitlement_routes(sold: str, operate: Callable[..., Route], of: Endpoints) -> list[Route]:
    """What is sold to all projects, for the operator."""
    return [
        operate(sold, GET=of.entitlements.page_of_all, POST=of.entitlements.sell),
        operate(f"{sold}/{{entitlement_id}}", GET=of.entitlements.get_any, DELETE=of.entitlements.end),
        operate(f"{sold}/{{entitlement_id}}/service_levels", GET=of.service_levels.get_any),
    ]


def boundary_routes(authentication: Authentication, endpoints: Endpoints) -> list[Route]:
    """The regions' calls. All but enrollment and time are signed, and each signed call concerns the signer's region only."""
    boundary = endpoints.boundary

    def region(path: str, **handlers: RegionHandler) -> Route:
        return _route(path, {name: _for_region(authentication, handler) for name, handler in handlers.items()})

    return [
        _route(protocol.ENROLL, {"POST": boundary.enroll}),
        _route(protocol.TIME, {"POST": boundary.time}),
        region(protocol.SNAPSHOT, POST=boundary.snapshot),
        region(f"{protocol.SHARD}/{{sha256}}", GET=boundary.shard),
        region(protocol.USAGE, POST=endpoints.usage.ingest),
        region(protocol.AUDIT, POST=endpoints.audit.ingest),
        region(protocol.SERVICE_LEVELS, POST=endpoints.service_levels.ingest),
    ]


def health_check(reader: Reader) -> Handler:
    """200 when the database answers."""

    async def health(_request: Request) -> Response:
        try:
            async with reader.reading(Platform()) as reading:
                await reading.first(select(tables.installation.c.installation_id))
        except (SQLAlchemyError, OSError):
            raise errors.service_unavailable("The control plane's database does not answer.") from None
        return json_response({"status": "ok"})

    return health


def _route(path: str, handlers: dict[str, Handler]) -> Route:
    # One route per path: with one per method, a 405 would name the methods of the first route only.
    async def dispatch(request: Request) -> Response:
        if any("\0" in value for value in request.path_params.values()):
            # No id contains NUL, and PostgreSQL refuses it in a query.
            raise errors.unknown_url(request.method, request.scope["path"])
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    methods: Sequence[str] = list(handlers)
    return Route(path, dispatch, methods=methods)


def _for_admin(authentication: Authentication, handler: AdminHandler) -> Handler:
    async def handle(request: Request) -> Response:
        administrator = await authentication.administrator(request.headers)
        log_caller(request.scope, organization=administrator.organization_id, key=administrator.admin_key_id)
        return await handler(administrator, request)

    return handle


def _for_operator(authentication: Authentication, handler: OperatorHandler) -> Handler:
    async def handle(request: Request) -> Response:
        return await handler(authentication.operator(request.headers), request)

    return handle


def _for_region(authentication: Authentication, handler: RegionHandler) -> Handler:
    async def handle(request: Request) -> Response:
        body = await read_body(request, limit_bytes=BOUNDARY_BODY_LIMIT)
        query = request.scope["query_string"].decode("latin-1")
        target = request.scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        region = await authentication.region(request.headers, method=request.method, target=target, body=body)
        log_caller(request.scope, region=region.code, replica=region.replica)
        return await handler(region, request, body)

    return handle
