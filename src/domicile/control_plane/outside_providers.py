"""Rules for a body that names a customer's provider: it speaks AWS's API, and no role of the customer's is assumed."""

from msgspec import Struct

from domicile.kernel import errors

_OTHERS_OF_OPENAI = frozenset({"azure", "gcp", "oci"})


class AnyProvider(Struct):
    """The member that decides which other members a provider has."""

    type: str


def require_aws(provider: AnyProvider, param: str) -> None:
    """Raises 400 for OpenAI's other providers, whose members we do not know. `param`: the path of `type`."""
    if provider.type in _OTHERS_OF_OPENAI:
        raise errors.unsupported_parameter(
            param, f"'{provider.type}' is not served. Use a service with AWS's API: 'aws'."
        )


def refuse_role(param: str, value: str | None) -> None:
    """Raises 400 when the body names a role, or the secret of one."""
    if value is not None:
        raise errors.unsupported_parameter(
            param,
            "No role is assumed. Let the account of the region's operator in, by the policy of your key or bucket, and leave "
            "this out.",
        )
