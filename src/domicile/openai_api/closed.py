"""The base classes of every type that is decoded from a caller's request."""

from typing import Annotated

from msgspec import Meta, Struct

ModelName = Annotated[str, Meta(min_length=1, max_length=256)]


class Closed(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object of a request. An unknown member is an error. An absent member stays absent when the object is re-encoded.

    Optional members default to None: null means the same as absence (decision 0021), and neither is re-encoded.
    """


class ModelRequest(Closed, frozen=True, kw_only=True):
    """A whole request of an endpoint that runs a model."""

    model: ModelName

    @property
    def demands(self) -> frozenset[str]:
        """The paths, without indexes, of the members in this request that only some engines support."""
        return frozenset()
