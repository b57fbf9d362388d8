"""GET /v1/models: the models that a caller may name, each with the engines that serve it (design 6)."""

from msgspec import UNSET, Struct, UnsetType


class Answering(Struct, frozen=True):
    """The public labels of the engines that serve a model in this region. Empty if no engine is bound."""

    engines: tuple[str, ...]


class Model(Struct, frozen=True, tag_field="object", tag="model"):
    """One model. `domicile` is the only member that the specification does not have."""

    id: str
    created: int
    owned_by: str
    domicile: Answering
    shutdown_date: str | UnsetType | None = UNSET


class ModelList(Struct, frozen=True, tag_field="object", tag="list"):
    """The models that the caller may use in this region."""

    data: tuple[Model, ...]
