"""The result of inspecting a request's content, and the parts that several endpoints' inspections share."""

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
"""The catalogue's rules for nested members, by path."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL in place of an image's bytes."""

    param: str
    url: str
    rule: ParameterRule
    """The catalogue's rule for the member, with the reason of a refusal."""


@dataclass(frozen=True, slots=True)
class Content:
    """The result of one inspection."""

    needs: frozenset[str]
    """The modalities of the input: "text", "image", "audio"."""
    first_image: str | None = None
    """The path of the first image. None without images."""
    addresses: tuple[Address, ...] = ()
    """Images named by a URL. `remote_image` refuses them unless the operator allows the host."""


ONLY_TEXT = Content(frozenset({"text"}))

NOTHING = Content(frozenset())
"""No modality needed: every engine of the endpoint accepts its input."""

Inspect = Callable[[Any, ModelEntry], Content]
"""Inspects a request for a model. Raises 400 for content that no engine may get."""


def text_inspection(_members: Members) -> Inspect:
    """The inspection of requests that hold only text or tokens."""
    return lambda _request, _model: ONLY_TEXT


def recording_inspection(_members: Members) -> Inspect:
    """The inspection of requests that hold a recording's bytes and text."""
    return lambda _request, _model: NOTHING


def image_address(url: str, param: str, rule: ParameterRule) -> tuple[Address, ...]:
    """The address if `url` is not a data URL. A data URL is checked: raises 400 unless it holds the image that it claims."""
    if not is_data_url(url):
        return (Address(param, url, rule),)
    check_image(url, param)
    return ()


def refusal(rule: ParameterRule, param: str) -> DomicileError:
    """The error for a refused parameter or member, with the catalogue's reason."""
    if rule.code == "url_not_allowed":
        return region_errors.url_not_allowed(param, rule.reason)
    return errors.unsupported_parameter(param, rule.reason)
