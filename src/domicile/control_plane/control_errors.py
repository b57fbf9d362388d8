"""Errors of the control plane's API alone. `kernel.errors` states the rules for all errors."""

from domicile.kernel.errors import Category, DomicileError


def admin_key_required() -> DomicileError:
    """403: the Admin API was called with a project's key."""
    return DomicileError(
        Category.FORBIDDEN,
        "admin_key_required",
        "This endpoint takes an admin key (sk-admin-...), not a project's key.",
    )


def no_model_endpoint(method: str, path: str, hosts: list[str]) -> DomicileError:
    """404 for a path that the control plane does not serve, such as a region's. `hosts`: the regions' public hosts."""
    return DomicileError(
        Category.NOT_FOUND,
        "unknown_url",
        f"Invalid URL ({method} {path}). This host serves the Admin API. Requests to models go to the host of the "
        f"project's region: {', '.join(sorted(hosts))}.",
    )


def conflict(code: str, message: str) -> DomicileError:
    """409: the request does not fit the present state. `message` says what to do next."""
    return DomicileError(Category.CONFLICT, code, message)


def retention_required_by_region(region: str, followed_by: str | None = None) -> DomicileError:
    """403: the region requires stronger retention. `followed_by`: the project that an organization's value would weaken."""
    message = f"Region '{region}' requires Zero Data Retention; a weaker retention cannot be set there."
    if followed_by is not None:
        message += f" Project '{followed_by}' there follows the organization: give it a retention of its own first."
    return DomicileError(Category.FORBIDDEN, "retention_required_by_region", message, param="retention_type")


def zdr_eligibility_required_to_set(retention: str) -> DomicileError:
    """403: the retention is one of ZDR, for which the organization is not eligible (design 5)."""
    return _not_granted("zdr_eligibility_required", retention, "eligibility for Zero Data Retention")


def enhanced_zdr_approval_required(retention: str) -> DomicileError:
    """403: the retention is an enhanced one, which the operator has not approved (design 5)."""
    return _not_granted("enhanced_zdr_approval_required", retention, "an approval of enhanced Zero Data Retention")


def _not_granted(code: str, retention: str, needed: str) -> DomicileError:
    message = f"'{retention}' needs {needed}, which your organization does not have. Ask the operator to record it."
    return DomicileError(Category.FORBIDDEN, code, message, param="retention_type")


def rate_limit_too_high(name: str, model: str, highest: int) -> DomicileError:
    """400: a project's limit may be lower than the catalogue's, and never higher. `name`: of the body's member."""
    return DomicileError(
        Category.INVALID,
        "rate_limit_too_high",
        f"'{name}' of {model} may be at most {highest} here. Ask the operator of this platform for more.",
        param=name,
    )


def no_scale_tier(model: str, region: str, sold: list[str]) -> DomicileError:
    """400: Scale Tier is not sold for the model in the region. `sold`: the models for which it is."""
    return DomicileError(
        Category.INVALID,
        "no_scale_tier",
        f"Scale Tier is not sold for '{model}' in region '{region}'. Name one of these snapshots: {', '.join(sold)}.",
        param="model",
    )


def too_many_entitlements(project_id: str, highest: int) -> DomicileError:
    """409: the project has as many entitlements in force or to come as it may."""
    return conflict(
        "too_many_entitlements",
        f"Project '{project_id}' has {highest} entitlements that have not ended. End some, and sell one with more units.",
    )


def residency_immutable() -> DomicileError:
    """400: a request names another region for a project that exists (C10)."""
    return DomicileError(
        Category.INVALID,
        "residency_immutable",
        "A project's region is fixed when it is created and can never be changed. Create a new project in the other region.",
        param="residency",
    )


def invalid_residency(message: str, param: str) -> DomicileError:
    """400: `residency` or `geography` names no region, or both are given. `message` lists the valid values."""
    return DomicileError(Category.INVALID, "invalid_residency", message, param=param)


def unknown_external_key(key_id: str) -> DomicileError:
    """400: a new project names a key that the organization does not have. Another organization's key looks the same."""
    return DomicileError(
        Category.INVALID, "external_key_not_found", f"No such external key: '{key_id}'.", param="external_key_id"
    )


def external_key_elsewhere(key_id: str, key_region: str, region: str) -> DomicileError:
    """400: a new project names a key that is registered for another region."""
    return DomicileError(
        Category.INVALID,
        "external_key_in_other_region",
        f"External key '{key_id}' is registered for region '{key_region}', and the project would be in region '{region}'. "
        "Register a key for that region, or create the project in the key's region.",
        param="external_key_id",
    )


def external_key_not_usable(key_id: str, outcome: str | None) -> DomicileError:
    """400: the region has not found the key usable. `outcome`: what it reported (`CheckOutcome`); None before its report."""
    found = "has not been tried by its region yet" if outcome is None else f"is not usable: {outcome}"
    return DomicileError(
        Category.INVALID,
        "external_key_not_usable",
        f"External key '{key_id}' {found}. Call its /validate, and create the project when the key is valid.",
        param="external_key_id",
    )


def external_key_immutable() -> DomicileError:
    """400: a request names another external key for a project that exists."""
    return DomicileError(
        Category.INVALID,
        "external_key_immutable",
        "A project's external key is fixed when the project is created and can never be changed. Create a new project with "
        "the other key.",
        param="external_key_id",
    )


def unknown_project(project_id: str) -> DomicileError:
    """400: a body names a project that the organization does not have. Another organization's project looks the same."""
    return DomicileError(Category.INVALID, "project_not_found", f"No such project: '{project_id}'.", param="project_id")


def country_outside_region(country: str, region: str, countries: list[str]) -> DomicileError:
    """400: a project's bucket would be outside `countries`, those of the project's region."""
    return DomicileError(
        Category.INVALID,
        "country_outside_region",
        f"'{country}' is not one of the countries of region '{region}'. Use a bucket in one of these: {', '.join(countries)}.",
        param="provider.country",
    )
