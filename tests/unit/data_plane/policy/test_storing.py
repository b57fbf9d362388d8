"""Who may store content: the region's agreements decide, and Zero Data Retention closes nothing (C01, C06)."""

import dataclasses

import pytest

from domicile.boundary.retention import ProjectRetention
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.policy.storing import admit_storing
from domicile.kernel.errors import DomicileError
from tests.unit.data_plane.policy.examples import EU, US, Organization, caller


@pytest.mark.contract("C06")
@pytest.mark.parametrize("retention", ProjectRetention)
def test_files_are_open_whatever_a_project_retains(retention: ProjectRetention) -> None:
    asking = caller(Organization(zdr_endpoints=()), retention)
    admission = admit_storing(EU, asking, Endpoint.FILES)
    assert (admission.caller, admission.project_id) == (asking, asking.project.project_id)


@pytest.mark.contract("C01")
@pytest.mark.parametrize(
    ("organization", "code"),
    [
        (Organization(enterprise_agreement=False), "enterprise_agreement_required"),
        (Organization(zdr_eligible=False), "zdr_eligibility_required"),
    ],
)
def test_europe_stores_nothing_without_its_agreements(organization: Organization, code: str) -> None:
    with pytest.raises(DomicileError) as caught:
        admit_storing(EU, caller(organization), Endpoint.FILES)
    assert caught.value.code == code
    assert admit_storing(US, caller(organization, region="us"), Endpoint.FILES).project_id


def test_a_region_whose_table_lists_no_files_stores_none() -> None:
    with pytest.raises(DomicileError) as caught:
        admit_storing(dataclasses.replace(EU, rows="mars"), caller(), Endpoint.FILES)
    assert caught.value.code == "endpoint_not_eligible"
