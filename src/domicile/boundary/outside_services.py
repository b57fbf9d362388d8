"""Services of a customer that a region uses for a project: a key in a key management service, and a bucket (design 5).

Records go down in the snapshot. What a region finds when it tries a service goes up in an audit event, as a `CheckOutcome`. No
secret crosses: the customer lets the region's own account use the key or the bucket, and the operator configures that account.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from domicile.boundary.enrollment import CountryCode
from domicile.kernel.ids import ExternalKeyId, ExternalStorageId, OrganizationId, ProjectId

KmsArn = Annotated[str, Meta(pattern=r"^arn:aws[a-z-]{0,16}:kms:[a-z0-9-]{1,32}:[0-9]{12}:key/[0-9A-Za-z-]{1,64}\Z")]
"""The ARN of one key, never of an alias: an alias can be pointed at a key of another country."""
BucketName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")]
SigningRegion = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
"""The provider's name of its region, such as `eu-central-1`. It selects the service that the operator has configured."""
CheckNumber = Annotated[int, Meta(ge=1)]


class ExternalKeyRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """An organization's key for this region. The region tries it once for each new `check`, and reports the outcome."""

    external_key_id: ExternalKeyId
    organization_id: OrganizationId
    kms_arn: KmsArn
    check: CheckNumber


class ExternalStorageRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """A project's own bucket in this region. Tried and reported as `ExternalKeyRecord`."""

    external_storage_id: ExternalStorageId
    project_id: ProjectId
    bucket: BucketName
    signing_region: SigningRegion
    country: CountryCode
    check: CheckNumber


class CheckOutcome(StrEnum):
    """What a region found when it tried an outside service."""

    USABLE = "usable"
    REFUSED = "refused"
    """The service answers, and does not let the region use the key or the bucket."""
    UNREACHABLE = "unreachable"
    NOT_OFFERED = "not_offered"
    """The operator of the region has configured no service for this signing region, or another country for it."""
