"""A region's policy fails closed: a parameter without a class, or a member without a rule, stops the start."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from domicile.catalogue.catalogue import Catalogue
from domicile.catalogue.endpoints import Endpoint
from domicile.catalogue.parameters import EndpointParameters
from domicile.data_plane.policy.residency import ResidencyPolicy
from tests.unit.data_plane.policy.examples import CATALOGUE, EU, US, region
from tests.unit.data_plane.region_parts import engine_settings

CHAT = CATALOGUE.parameters[Endpoint.CHAT_COMPLETIONS]


def catalogue(rules: EndpointParameters) -> Catalogue:
    return replace(CATALOGUE, parameters=MappingProxyType({**CATALOGUE.parameters, Endpoint.CHAT_COMPLETIONS: rules}))


@pytest.mark.parametrize("name", ["temperature", "store", "web_search_options"])
def test_a_parameter_without_a_class_stops_the_start(name: str) -> None:
    rules = replace(CHAT, parameters={key: rule for key, rule in CHAT.parameters.items() if key != name})
    with pytest.raises(ValueError, match=name):
        ResidencyPolicy.for_region(region("eu"), catalogue(rules))


def test_a_class_without_a_parameter_stops_the_start() -> None:
    rules = replace(CHAT, parameters={**CHAT.parameters, "top_k": CHAT.parameters["n"]})
    with pytest.raises(ValueError, match="top_k"):
        ResidencyPolicy.for_region(region("eu"), catalogue(rules))


@pytest.mark.parametrize("path", [path for path, rule in CHAT.members.items() if rule.kind.value != "platform"])
def test_a_member_without_a_rule_stops_the_start(path: str) -> None:
    rules = replace(CHAT, members={key: rule for key, rule in CHAT.members.items() if key != path})
    with pytest.raises(KeyError):
        ResidencyPolicy.for_region(region("eu"), catalogue(rules))


def test_a_policy_is_made_of_its_region_s_settings() -> None:
    assert (US.region, US.requires_enterprise, US.requires_zdr, US.allows_storing) == ("us", False, False, True)
    assert (EU.region, EU.requires_enterprise, EU.requires_zdr, EU.allows_storing) == ("eu", True, True, False)
    assert EU.rows == "eu"


@pytest.mark.parametrize("name", ["gpt-4o-2024-08-6", "gpt-4o"])
def test_an_engine_that_is_bound_to_no_snapshot_stops_the_start(name: str) -> None:
    """A misspelt one would otherwise be served by nobody, and an alias by an engine that nobody meant."""
    with pytest.raises(ValueError, match=f"engine 'one' of region 'eu' is bound to '{name}'"):
        ResidencyPolicy.for_region(region("eu", engines=[engine_settings(models={name: "x"})]), CATALOGUE)
