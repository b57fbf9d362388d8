"""Who may have images made, where, and how many at a time (contract C02, C03, C21)."""

from typing import Any

import msgspec
import pytest

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.policy.admit import Admission, admit
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.kernel.errors import Category, DomicileError
from domicile.openai_api.images import ImageRequest
from tests.unit.data_plane.policy.examples import EU, US, Organization, caller


def admitted(policy: ResidencyPolicy, who: Caller, **members: Any) -> Admission:
    asked = msgspec.convert({"model": "dall-e-3", "prompt": "a cat", **members}, ImageRequest)
    return admit(policy, who, Endpoint.IMAGES_GENERATIONS, asked)


@pytest.mark.contract("C02")
@pytest.mark.parametrize("approved", [(), tuple(set(Endpoint) - {Endpoint.IMAGES_GENERATIONS})])
def test_europe_needs_zdr_approved_for_images(approved: tuple[Endpoint, ...]) -> None:
    without = Organization(zdr_endpoints=approved)
    with pytest.raises(DomicileError) as caught:
        admitted(EU, caller(without))
    assert (caught.value.category, caught.value.code) == (Category.FORBIDDEN, "zdr_required")
    assert admitted(US, caller(without, region="us")).model.name == "dall-e-3"


@pytest.mark.contract("C03")
@pytest.mark.contract("C21")
def test_what_comes_out_needs_no_enhanced_zdr() -> None:
    admission = admitted(EU, caller(Organization(enhanced_zdr=False)))
    assert admission.model.name == "dall-e-3"
    assert admission.needs == {"text"}


@pytest.mark.contract("C21")
def test_dall_e_3_makes_one_at_a_time_and_the_drawing_program_several() -> None:
    for policy in (EU, US):
        who = caller(region=policy.region)
        for members in ({"n": 1}, {"n": None}, {"n": 10, "model": "procedural-sketch"}):
            assert admitted(policy, who, **members).endpoint is Endpoint.IMAGES_GENERATIONS
        with pytest.raises(DomicileError) as caught:
            admitted(policy, who, n=2)
        assert (caught.value.code, caught.value.param) == ("invalid_value", "n")
