"""The region's identity, its enrollment at the first start, and its link to the control plane."""

import asyncio
from contextlib import AsyncExitStack

import structlog

from domicile.boundary.enrollment import EnrollmentRequest, EnrollmentToken, decode_token
from domicile.boundary.signing import public_key_bytes
from domicile.data_plane.clock import RegionClock
from domicile.data_plane.control_link import ControlLink, ControlRefusedError, ControlUnreachableError
from domicile.data_plane.identity import Enrollment, Identity, IdentityRepository, load_or_make_key
from domicile.kernel.ids import new_id
from domicile.persistence.database import Database
from domicile.settings.installation import ControlSettings, RegionSettings

log = structlog.get_logger("region")

ENROLLMENT_RETRY_S = 0.5


class RegionStartError(Exception):
    """This region cannot start. The text says why and what to do."""


def open_link(
    control: ControlSettings, identity: Identity, replica: str, clock: RegionClock, stack: AsyncExitStack
) -> ControlLink:
    """Open the region's link to the control plane. Raises `RegionStartError` if the boundary's certificates cannot be read.

    The link signs with the machine's clock, and measures its difference from the control plane's clock itself. It cannot learn
    that from snapshots: a region with a wrong clock gets none.
    """
    ca_file = control.boundary.ca_file
    try:
        link = ControlLink(control.boundary.url, control.country, identity, replica, clock.machine, ca_file=ca_file)
    except OSError:
        raise RegionStartError(f"{ca_file} cannot be read as certificates in PEM") from None
    stack.push_async_callback(link.close)
    return link


async def identify(
    control: ControlSettings, settings: RegionSettings, database: Database, clock: RegionClock
) -> tuple[Identity, Enrollment]:
    """Return the region's identity and its enrollment at a control plane. Enrolls at the first start.

    Raises `IdentityError` if the folder belongs to another region, `RegionStartError` if token or enrollment is refused.
    """
    repository = IdentityRepository(database)
    identity = await repository.open(settings, load_or_make_key(settings.data / "identity.key"))
    if identity.enrollment is not None:
        return identity, identity.enrollment
    token = _read_token(settings)
    request = EnrollmentRequest(
        settings.code,
        token.secret,
        public_key_bytes(identity.key),
        settings.residency,
        tuple(sorted(settings.country_codes)),
    )
    async with AsyncExitStack() as stack:
        await _enroll(open_link(control, identity, new_id("rep_"), clock, stack), request)
    return identity, await repository.record_enrollment(token, clock.now_ms())


def _read_token(settings: RegionSettings) -> EnrollmentToken:
    file = settings.enrollment.token_file
    try:
        token = decode_token("" if file is None else file.read_text("ascii").strip())
    except (OSError, ValueError):
        raise RegionStartError(
            f"region '{settings.code}' is not enrolled yet: run 'domicile regions enroll {settings.code}' and put the "
            f"token into the file that token_file in its block [regions.enrollment] names"
        ) from None
    if token.region != settings.code:
        raise RegionStartError(f"the enrollment token is for region '{token.region}', this is '{settings.code}'")
    return token


async def _enroll(link: ControlLink, request: EnrollmentRequest) -> None:
    """Enroll, and retry while the control plane is unreachable. Raises `RegionStartError` if it refuses."""
    while True:
        try:
            await link.enroll(request)
            return
        except ControlUnreachableError:
            log.warning("control_unreachable")
            await asyncio.sleep(ENROLLMENT_RETRY_S)
        except ControlRefusedError as error:
            raise RegionStartError(
                f"the control plane refused to enroll region '{request.region}': {error.code}"
            ) from None
