"""The rules of an endpoint's parameters in a region (design 4.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from domicile.catalogue.endpoints import Endpoint
from domicile.catalogue.tables import CatalogueError, Feature, FeatureLimitsTable, ParametersFile


class ParameterClass(StrEnum):
    """The class of a parameter. Nested members have one more class, *dropped*: `EndpointParameters.dropped`."""

    PASS = "pass"
    """Goes to the engine as the caller sent it."""
    PLATFORM = "platform"
    """Used by the platform itself, and not sent to an engine."""
    REFUSE = "refuse"
    """Refused with an error."""
    INLINE = "inline"
    """Passes when it contains the content itself; refused when it is an address."""


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """A parameter's class, the code and reason of a refusal, and the refused values of an accepted parameter."""

    kind: ParameterClass
    code: str | None = None
    reason: str = ""
    refused_values: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EndpointParameters:
    """The rules of one endpoint: by parameter, and by the path of a nested member (`messages[].audio`)."""

    endpoint: Endpoint
    parameters: Mapping[str, ParameterRule]
    members: Mapping[str, ParameterRule]
    defaults: Mapping[str, Any]
    """By parameter, the value that requests nothing."""
    sent_defaults: frozenset[str]
    """The parameters whose default is still sent to an engine that can honour the parameter."""
    only_with: Mapping[str, str]
    """By parameter, the other parameter without which it has no meaning."""
    ignorable: Mapping[str, Feature]
    """Parameters that may be left out for an engine without them, when the model has the feature."""
    features: Mapping[Feature, FeatureLimitsTable]
    """The limits of the models with a feature."""
    dropped: tuple[str, ...]
    """Paths of members that are read but not forwarded: `messages[role=tool].name`."""


def endpoint_parameters(file: ParametersFile) -> EndpointParameters:
    """The rules in a file. Raises `CatalogueError` for a parameter with two classes, a refusal without reason, a wrong name."""
    parameters: dict[str, ParameterRule] = {}
    for kind, names in (
        (ParameterClass.PASS, file.passed),
        (ParameterClass.PLATFORM, file.platform),
        (ParameterClass.REFUSE, tuple(file.refuse)),
    ):
        for name in names:
            if name in parameters:
                raise CatalogueError(f"parameter '{name}' of {file.endpoint} has two classes")
            refusal = file.refuse[name] if kind is ParameterClass.REFUSE else None
            parameters[name] = (
                ParameterRule(kind, refusal.code, refusal.reason) if refusal is not None else ParameterRule(kind)
            )
    for name, refused in file.refused_values.items():
        if name not in parameters or parameters[name].kind is ParameterClass.REFUSE:
            raise CatalogueError(f"'{name}' of {file.endpoint} has refused values but is not an accepted parameter")
        parameters[name] = ParameterRule(parameters[name].kind, refused.code, refused.reason, frozenset(refused.values))
    members: dict[str, ParameterRule] = {}
    for path, member in file.members.items():
        kind = ParameterClass(member.kind)
        if kind is not ParameterClass.PLATFORM and not (member.code and member.reason):
            raise CatalogueError(f"member '{path}' of {file.endpoint} is refused without code or reason")
        members[path] = ParameterRule(kind, member.code, member.reason)
    _check_names(file, parameters)
    return EndpointParameters(
        file.endpoint,
        MappingProxyType(parameters),
        MappingProxyType(members),
        defaults=MappingProxyType({**file.defaults, **file.sent_defaults}),
        sent_defaults=frozenset(file.sent_defaults),
        only_with=MappingProxyType(file.only_with),
        ignorable=MappingProxyType(file.ignorable),
        features=MappingProxyType(file.features),
        dropped=tuple(file.dropped),
    )


def _check_names(file: ParametersFile, parameters: Mapping[str, ParameterRule]) -> None:
    """Raises `CatalogueError` for a misspelt name, whose rule would otherwise never apply."""
    if both := sorted(file.defaults.keys() & file.sent_defaults.keys()):
        raise CatalogueError(f"'{both[0]}' of {file.endpoint} has two defaults")
    limits = file.features.values()
    named = {
        *file.defaults,
        *file.sent_defaults,
        *file.only_with,
        *file.only_with.values(),
        *file.ignorable,
        *(
            name
            for each in limits
            for name in (*each.refuse, *each.instead, *each.instead.values(), *each.default_only)
        ),
    }
    if unknown := sorted(named - parameters.keys()):
        raise CatalogueError(f"'{unknown[0]}' is not a parameter of {file.endpoint}")
