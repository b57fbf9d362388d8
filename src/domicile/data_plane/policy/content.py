"""What the content of a request needs, as each endpoint's inspection finds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.parameters import ParameterRule
from domicile.data_plane import region_errors
from domicile.data_plane.policy.image_input import check_image, is_data_url
from domicile.kernel import errors
from domicile.kernel.errors import DomicileError

Members = Mapping[str, ParameterRule]
"""The catalogue's rules for members deeper down, by their paths."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL where content is expected."""

    param: str
    url: str
    rule: ParameterRule
    """What the catalogue says of such a member."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was found."""

    needs: frozenset[str]
    """The modalities that the input uses: of text, image, audio."""
    first_image: str | None = None
    """The path of the first image."""
    addresses: tuple[Address, ...] = ()
    """What is named by a URL: refused, unless the operator allows the host (`remote_image`)."""


ONLY_TEXT = Content(frozenset({"text"}))

NOTHING = Content(frozenset())
"""No modality is needed beyond what the endpoint is for."""

Inspect = Callable[[Any, ModelEntry], Content]
"""Looks through a request for a snapshot. Raises 400 for what must not pass, whatever engine would serve it."""


def text_inspection(_members: Members) -> Inspect:
    """The inspection of requests that hold text, or the tokens of text, and nothing that could refer to anything."""
    return lambda _request, _model: ONLY_TEXT


def recording_inspection(_members: Members) -> Inspect:
    """The inspection of requests that hold a recording, by its bytes, and text about it."""
    return lambda _request, _model: NOTHING


def image_address(url: str, param: str, rule: ParameterRule) -> tuple[Address, ...]:
    """The address of an image that is not there by its bytes. Those that are must be what they claim: else 400."""
    if not is_data_url(url):
        return (Address(param, url, rule),)
    check_image(url, param)
    return ()


def refusal(rule: ParameterRule, param: str) -> DomicileError:
    """The error for a refused parameter or member, with the catalogue's reason."""
    if rule.code == "url_not_allowed":
        return region_errors.url_not_allowed(param, rule.reason)
    return errors.unsupported_parameter(param, rule.reason)
