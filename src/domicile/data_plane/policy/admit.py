"""Caller + request -> Admission, or one clear error. Synchronous, no I/O. Design 4.3 gives the order of the checks."""

from dataclasses import dataclass

from domicile.boundary.retention import Retention
from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.model_limits import check_model_limits
from domicile.data_plane.policy.remote_image import RemoteImage, allowed_images
from domicile.data_plane.policy.residency import ResidencyPolicy, check_model_permission
from domicile.data_plane.policy.retention import check_agreement, check_enhanced_zdr, check_store, check_zdr
from domicile.data_plane.policy.wishes import Wishes
from domicile.openai_api.closed import ModelRequest


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may run in this region, for this caller. Only `admit` makes one."""

    caller: Caller
    endpoint: Endpoint
    model: ModelEntry
    requested: str
    """The model's name as the caller wrote it: a snapshot or an alias."""
    request: ModelRequest
    retention: Retention
    """The retention in force at admission."""
    needs: frozenset[str]
    """The modalities of the input: "text", "image", "audio". Routing checks later that an engine supports them."""
    wishes: Wishes
    """The optional parameters that are set."""
    remote_images: tuple[RemoteImage, ...] = ()
    """Images at allowed URLs. The platform fetches them before routing; engines never see a URL."""
    first_image: str | None = None
    """The path of the first image, for errors. None without images."""


def admit(policy: ResidencyPolicy, caller: Caller, endpoint: Endpoint, request: ModelRequest) -> Admission:
    """Check a request against all rules of the region. Raises `DomicileError` for the first rule that it breaks."""
    # 1. Endpoint and snapshot.
    model = policy.eligible_model(endpoint, request.model)
    check_model_permission(caller, request.model, model)
    # 2. Every parameter, and all content that fetches from or refers to another place.
    rules = policy.rules[endpoint]
    wishes = rules.wishes.wishes(request, model.features)
    policy.check_parameters(endpoint, request, wishes.asked)
    check_model_limits(rules.limits, model, request, wishes.asked)
    check_store(policy, caller, getattr(request, "store", None))
    content = rules.inspect(request, model)
    remote_images = allowed_images(policy.fetch_hosts, content.addresses)
    # 3. The agreement, then ZDR, then images.
    check_agreement(policy, caller)
    check_zdr(policy, caller, endpoint)
    check_enhanced_zdr(policy, caller, content.first_image, endpoint=endpoint, snapshot=model.name)
    # 4. Permission: snapshots carry no list of models for a project, so a project may use every eligible model.
    return Admission(
        caller,
        endpoint,
        model,
        request.model,
        request,
        caller.retention,
        content.needs,
        wishes,
        remote_images,
        content.first_image,
    )
