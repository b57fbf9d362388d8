"""Regions, callers and requests that the tests of the policy start from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from domicile.boundary.retention import ProjectRetention, Retention
from domicile.boundary.snapshot import OrganizationRecord, ProjectRecord
from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.settings.installation import RegionSettings
from domicile.settings.listener import Listener
from tests.pictures import PNG_URL

CATALOGUE = load_catalogue()
DATA_URL = PNG_URL
IMAGE = {"type": "image_url", "image_url": {"url": DATA_URL}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "UklGRgAAAABXQVZF", "format": "wav"}}
TEXT = {"type": "text", "text": "What is this?"}


def region(code: str, **changes: Any) -> RegionSettings:
    """A region as in the contract: Europe requires an agreement and ZDR, the US may store."""
    values: dict[str, Any] = {
        "code": code,
        "residency": f"{code.upper()}_STORAGE_PROCESSING",
        "geography": code.upper(),
        "countries": ("EEA+CH",) if code == "eu" else ("US",),
        "public_url": f"https://{code}.example.com",
        "listen": Listener(port=1),
        "requires": frozenset({"enterprise", "zdr"}) if code == "eu" else frozenset(),
        "allows_storing": code == "us",
        "data": Path(code),
    }
    return RegionSettings.model_validate(values | changes)


US = ResidencyPolicy.for_region(region("us"), CATALOGUE)
EU = ResidencyPolicy.for_region(region("eu"), CATALOGUE)


@dataclass(frozen=True)
class Organization:
    """An organization with all that Europe asks for, except enhanced ZDR: as `domicile up` makes it."""

    enterprise_agreement: bool = True
    zdr_eligible: bool = True
    zdr_endpoints: tuple[Endpoint, ...] = tuple(Endpoint)
    enhanced_zdr: bool = False
    retention: Retention = Retention.ZERO_DATA_RETENTION


def caller(
    organization: Organization | None = None,
    retention: ProjectRetention = ProjectRetention.ORGANIZATION_DEFAULT,
    region: str = "eu",
) -> Caller:
    """A caller of a project with this retention."""
    given = organization or Organization()
    return Caller(
        organization=OrganizationRecord(
            "org-" + "a" * 24,
            given.enterprise_agreement,
            given.zdr_eligible,
            given.zdr_endpoints,
            given.enhanced_zdr,
            given.retention,
        ),
        project=ProjectRecord("proj_" + "a" * 24, "org-" + "a" * 24, retention),
        key_id="key_" + "a" * 24,
        region=region,
    )


def request(*parts: dict[str, Any], **members: Any) -> ChatCompletionRequest:
    """A request whose one message has these parts, or says hello."""
    values = {"model": "gpt-4o", "messages": [{"role": "user", "content": list(parts) or "Hello"}]}
    return msgspec.convert(values | members, ChatCompletionRequest)
