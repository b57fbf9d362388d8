"""Errors for the time in which a dependency of the process, such as its database, does not work."""

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError


class DependencyUnavailableError(Exception):
    """A dependency of this process, such as its database, cannot work now. The caller gets 503 and may retry.

    Raised where no caller is known. Its text is the name of a type or a reason, without any values.
    """

    def as_error(self) -> DomicileError:
        """The 503 for the caller. A subclass may know more about what has to be done."""
        return dependency_unavailable()


def dependency_unavailable() -> DomicileError:
    """The 503 for the caller. A change whose answer is lost has been made as a whole, or not at all."""
    return errors.service_unavailable(
        "A database or store of the platform is not available at the moment. Send the request again. If it creates something, "
        "the first one may have succeeded: send it with the same Idempotency-Key where the call takes one, or look first.",
        2,
    )
