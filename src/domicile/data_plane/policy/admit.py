"""Caller + request -> Admission, or one clear error. Synchronous, no I/O. The order is the design's (4.3)."""

from dataclasses import dataclass

from domicile.boundary.retention import Retention
from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.model_limits import check_model_limits
from domicile.data_plane.policy.remote_image import RemoteImage, allowed_images
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.policy.retention import check_agreement, check_image, check_store, check_zdr
from domicile.data_plane.policy.wishes import Wishes
from domicile.openai_api.closed import ModelRequest


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may run in this region, for this caller. Made only here."""

    caller: Caller
    endpoint: Endpoint
    model: ModelEntry
    requested: str
    """The model's name as the caller wrote it: a snapshot or an alias."""
    request: ModelRequest
    retention: Retention
    """What was in force when it was admitted."""
    needs: frozenset[str]
    """The modalities of the input: of text, image, audio. Whether an engine can serve them is said last, by routing."""
    wishes: Wishes
    """What it asks for beyond its input."""
    remote_images: tuple[RemoteImage, ...] = ()
    """Images named by a URL that may be fetched: before routing, and never by an engine."""
    first_image: str | None = None
    """The path of the first image."""


def admit(policy: ResidencyPolicy, caller: Caller, endpoint: Endpoint, request: ModelRequest) -> Admission:
    """Whether a request may run here. Raises `DomicileError`."""
    # 1. Endpoint and snapshot.
    model = policy.eligible_model(endpoint, request.model)
    # 2. Every parameter, and whatever in the content would fetch or refer to something elsewhere.
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
    check_image(policy, caller, content.first_image, endpoint=endpoint, snapshot=model.name)
    # 4. Permission: the snapshot narrows no project's models, so each may use all that is eligible here.
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
