"""What a process cannot work without, and what is said while that is away."""

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError


class DependencyUnavailableError(Exception):
    """Something that this process needs, its database, cannot work now. Whoever asked is told so, and to come again.

    For what is noticed far from any caller. Its text names a type, never what was being done.
    """


def dependency_unavailable() -> DomicileError:
    """What the caller is told. Where the answer to a change is missing, the change is there as a whole or not at all."""
    return errors.service_unavailable(
        "The platform's database cannot work at the moment. Send the request again; one that creates something with the "
        "same Idempotency-Key, for it may have been done.",
        2,
    )
