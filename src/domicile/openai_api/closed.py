"""The base of every type that is read from a caller."""

from typing import Annotated

from msgspec import Meta, Struct

ModelName = Annotated[str, Meta(min_length=1, max_length=256)]


class Closed(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object of a request. A member that it does not name is an error; an absent member stays absent when re-encoded.

    Members that may be absent default to None: null is the same as absence (decision 0021), so that neither is re-encoded.
    """


class ModelRequest(Closed, frozen=True, kw_only=True):
    """A whole request of an endpoint that runs a model."""

    model: ModelName

    @property
    def demands(self) -> frozenset[str]:
        """Members that only some engines can honour, by their paths without indexes."""
        return frozenset()
