"""What a request asks for, and which of its parameters ask for nothing (decision 0021)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from domicile.catalogue.parameters import EndpointParameters, ParameterClass
from domicile.openai_api.closed import ModelRequest


@dataclass(frozen=True, slots=True)
class Wishes:
    """The optional parameters of a request that are set, by what they ask of an engine."""

    asked: frozenset[str]
    """Parameters, and paths of members, that an engine must honour: one that cannot is passed over."""
    idle: frozenset[str] = frozenset()
    """Parameters that ask for nothing. No engine is sent them."""
    at_default: frozenset[str] = frozenset()
    """Parameters that ask for nothing of an engine without them, and override the default of an engine that has them."""
    ignorable: frozenset[str] = frozenset()
    """Of those asked for, the ones that an engine may lack: the caller is told that they were ignored."""

    def left_out(self, lacking: frozenset[str]) -> frozenset[str]:
        """The parameters that an engine which lacks these is not sent."""
        return self.idle | ((self.at_default | self.ignorable) & lacking)


@dataclass(frozen=True, slots=True)
class WishRules:
    """How the wishes of one endpoint's requests are told. Made once, from the catalogue."""

    optional: tuple[str, ...]
    values: Callable[[ModelRequest], tuple[Any, ...]]
    """Those of the optional parameters, in their order: one call for all of them, on the path of each request."""
    defaults: Mapping[str, Any]
    sent_defaults: frozenset[str]
    only_with: tuple[tuple[str, str], ...]
    ignorable: Mapping[str, str]

    @classmethod
    def of(cls, request: type[ModelRequest], rules: EndpointParameters) -> "WishRules":
        """Raises ValueError when a default is no value of its parameter. What is the platform's own asks no engine."""
        fields = {field.name: field for field in msgspec.structs.fields(request)}
        optional = tuple(
            name
            for name, field in fields.items()
            if field.default is None and rules.parameters[name].kind is not ParameterClass.PLATFORM
        )
        if strange := sorted({*rules.defaults, *rules.only_with, *rules.ignorable} - set(optional)):
            raise ValueError(
                f"'{strange[0]}' of {rules.endpoint} is never left out for an engine, so it has no default"
            )
        return cls(
            optional=optional,
            values=_reader(optional),
            defaults={name: msgspec.convert(value, fields[name].type) for name, value in rules.defaults.items()},
            sent_defaults=rules.sent_defaults,
            only_with=tuple(rules.only_with.items()),
            ignorable=rules.ignorable,
        )

    def wishes(self, request: ModelRequest, features: frozenset[str]) -> Wishes:
        """The wishes of a request for a model with these features."""
        asked, idle, at_default = set(request.demands), set(), set()
        for name, value in zip(self.optional, self.values(request), strict=True):
            if value is None:
                continue
            if isinstance(value, str | list | dict) and not value:
                idle.add(name)
            elif name not in self.defaults or value != self.defaults[name]:
                asked.add(name)
            elif name in self.sent_defaults:
                at_default.add(name)
            else:
                idle.add(name)
        for name, other in self.only_with:
            if name in asked and other not in asked:
                asked.remove(name)
                idle.add(name)
        ignorable = {name for name, feature in self.ignorable.items() if name in asked and feature in features}
        return Wishes(frozenset(asked), frozenset(idle), frozenset(at_default), frozenset(ignorable))


def _reader(names: tuple[str, ...]) -> Callable[[ModelRequest], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda request: tuple(getattr(request, name) for name in names)
