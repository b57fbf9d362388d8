"""Sorts a request's optional parameters: those that an engine must honour, and those that change nothing (decision 0021)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from domicile.catalogue.parameters import EndpointParameters, ParameterClass
from domicile.openai_api.closed import ModelRequest


@dataclass(frozen=True, slots=True)
class Wishes:
    """The optional parameters that a request sets, by what they require of an engine."""

    asked: frozenset[str]
    """Parameters, and paths of members, that an engine must honour. Routing skips engines that cannot."""
    idle: frozenset[str] = frozenset()
    """Parameters that change nothing. They are never sent to an engine."""
    at_default: frozenset[str] = frozenset()
    """Parameters set to OpenAI's default. They are sent only to engines that support them, since an engine's own default may
    differ."""
    ignorable: frozenset[str] = frozenset()
    """The part of `asked` that an engine may ignore. The caller is told in `domicile-ignored`."""

    def left_out(self, lacking: frozenset[str]) -> frozenset[str]:
        """The parameters not to send to an engine that does not support `lacking`."""
        return self.idle | ((self.at_default | self.ignorable) & lacking)


@dataclass(frozen=True, slots=True)
class WishRules:
    """The rules that sort one endpoint's parameters into `Wishes`. Made once, from the catalogue."""

    optional: tuple[str, ...]
    values: Callable[[ModelRequest], tuple[Any, ...]]
    """Reads the values of `optional` in one call, in their order: it runs for each request."""
    defaults: Mapping[str, Any]
    sent_defaults: frozenset[str]
    only_with: tuple[tuple[str, str], ...]
    ignorable: Mapping[str, str]

    @classmethod
    def of(cls, request: type[ModelRequest], rules: EndpointParameters) -> "WishRules":
        """Raises ValueError when a default does not fit its parameter. Parameters for the platform itself are left out."""
        fields = {field.name: field for field in msgspec.structs.fields(request)}
        optional = tuple(
            name
            for name, field in fields.items()
            if field.default is None and rules.parameters[name].kind is not ParameterClass.PLATFORM
        )
        if strange := sorted({*rules.defaults, *rules.only_with, *rules.ignorable} - set(optional)):
            raise ValueError(
                f"'{strange[0]}' of {rules.endpoint} is not an optional parameter for engines: it must have no default"
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
        """Sort the parameters of a request for a model with these features."""
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
