"""What a moderation request needs, and C03 wherever an image can stand."""

from typing import Any

import msgspec
import pytest

from domicile.boundary.retention import ProjectRetention
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.policy.admit import Admission, admit
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.kernel.errors import DomicileError
from domicile.openai_api.moderations import ModerationRequest
from tests.unit.data_plane.policy.examples import EU, IMAGE, TEXT, US, Organization, caller

ENHANCED = ProjectRetention.ENHANCED_ZERO_DATA_RETENTION


def admitted(policy: ResidencyPolicy, who: Caller, given: Any) -> Admission:
    return admit(policy, who, Endpoint.MODERATIONS, msgspec.convert({"input": given}, ModerationRequest))


@pytest.mark.contract("C29")
@pytest.mark.parametrize(
    ("given", "needs"),
    [
        ("a", {"text"}),
        (["a", "b"], {"text"}),
        ([TEXT], {"text"}),
        ([IMAGE], {"image"}),
        ([TEXT, IMAGE], {"text", "image"}),
    ],
)
def test_what_the_content_needs_is_found(given: Any, needs: set[str]) -> None:
    assert admitted(US, caller(region="us"), given).needs == needs


@pytest.mark.contract("C03")
def test_in_europe_an_image_needs_enhanced_zdr_here_too() -> None:
    with pytest.raises(DomicileError) as caught:
        admitted(EU, caller(), [TEXT, IMAGE])
    assert (caught.value.code, caught.value.param) == ("enhanced_zdr_required", "input[1].image_url")
    assert admitted(EU, caller(Organization(enhanced_zdr=True), ENHANCED), [TEXT, IMAGE]).needs == {"text", "image"}


def test_every_image_is_looked_at() -> None:
    remote = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    with pytest.raises(DomicileError) as caught:
        admitted(US, caller(region="us"), [IMAGE, IMAGE, remote])
    assert (caught.value.code, caught.value.param) == ("url_not_allowed", "input[2].image_url.url")
