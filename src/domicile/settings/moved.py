"""The present name of each setting that once had a flat name. An old name is refused, and the error states the new one."""

from collections.abc import Iterator, Mapping
from typing import Any

_DATABASE = {
    "database_url": "database.url",
    "database_country": "database.country",
    "database_password_file": "database.password_file",
}
_LISTENER = {
    "tls_certificate_file": "tls.certificate_file",
    "tls_key_file": "tls.key_file",
    "behind_tls_proxy": "tls.behind_proxy",
    "trusted_proxies": "tls.trusted_proxies",
}
_CONTROL = {
    **_DATABASE,
    "boundary_listen": "boundary.listen",
    "boundary_url": "boundary.url",
    "boundary_ca_file": "boundary.ca_file",
    "operator_key_file": "operator.key_file",
    "admin_key_file": "first_organization.admin_key_file",
    "first_organization_agreement": "first_organization.agreement",
}
_REGION = {
    **_DATABASE,
    "operator_listen": "operator.listen",
    "enrollment_token_file": "enrollment.token_file",
    "durable_metering": "usage.durable",
    "usage_every_s": "usage.report_every_s",
    "drain_s": "drain.timeout_s",
    "drain_notice_s": "drain.notice_s",
    "body_memory_mib": "limits.body_memory_mib",
}


def _inside(block: str, names: Mapping[str, str]) -> dict[str, str]:
    return {f"{block}.{old}": f"{block}.{new}" for old, new in names.items()}


MOVED: Mapping[str, str] = {
    **_inside("control", _CONTROL),
    **_inside("control.listen", _LISTENER),
    **_inside("control.boundary.listen", _LISTENER),
    **_inside("regions", _REGION),
    **_inside("regions.listen", _LISTENER),
    **_inside("regions.operator.listen", _LISTENER),
}
"""By old name, the new name of a setting: its blocks and its name, joined by dots."""


def moved_settings(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each old name in a document that is not yet validated: its place (`regions.0.drain_s`), and a text with the new name."""
    for old, new in MOVED.items():
        *blocks, name = old.split(".")
        *new_blocks, new_name = new.split(".")
        for place, block in _blocks(document, blocks, ()):
            if name in block:
                yield ".".join((*place, name)), f"{name} is now {new_name} in [{'.'.join(new_blocks)}]"


def _blocks(
    value: Any, names: list[str], place: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every block at the path `names`, with its place. A list of blocks gives several."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _blocks(item, names, (*place, str(number)))
    elif isinstance(value, dict) and not names:
        yield place, value
    elif isinstance(value, dict) and names[0] in value:
        yield from _blocks(value[names[0]], names[1:], (*place, names[0]))
