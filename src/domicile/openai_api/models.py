"""GET /v1/models: what a caller may name, and, in a member of our own, what really answers (design 6)."""

from msgspec import UNSET, Struct, UnsetType


class Answering(Struct, frozen=True):
    """The operator's public labels of the engines that answer for a model in this region. None: no engine is bound."""

    engines: tuple[str, ...]


class Model(Struct, frozen=True, tag_field="object", tag="model"):
    """One model. `domicile` is our only addition to the specification's members."""

    id: str
    created: int
    owned_by: str
    domicile: Answering
    shutdown_date: str | UnsetType | None = UNSET


class ModelList(Struct, frozen=True, tag_field="object", tag="list"):
    """Every model that the caller may use here."""

    data: tuple[Model, ...]
