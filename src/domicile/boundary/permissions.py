"""What a key, and what a project, may do. It goes down in the snapshot, and the region enforces it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from domicile.boundary.usage import ModelSnapshot

# An address with the length of its prefix, as `ipaddress` writes it.
IpNetwork = Annotated[str, Meta(pattern=r"^[0-9a-f.:]{2,39}/[0-9]{1,3}\Z")]


class KeyScope(StrEnum):
    """A permission of a restricted key. To write includes to read."""

    ALL_READ = "api.all.read"
    """Everything that changes nothing and runs no model."""
    MODEL_REQUEST = "model.request"
    """Requests to models at every endpoint."""
    MODEL_READ = "api.model.read"
    CHAT_COMPLETIONS = "api.model.chat_completions.request"
    COMPLETIONS = "api.model.completions.request"
    EMBEDDINGS = "api.model.embeddings.request"
    MODERATIONS = "api.model.moderations.request"
    IMAGES = "api.model.images.request"
    AUDIO = "api.model.audio.request"
    FILES_READ = "api.files.read"
    FILES_WRITE = "api.files.write"
    """Files and uploads."""
    BATCHES_READ = "api.batches.read"
    BATCHES_WRITE = "api.batches.write"
    """A batch also needs the scope of its endpoint."""


class PermissionMode(StrEnum):
    """How a list of models is meant. OpenAI's values."""

    ALLOW_LIST = "allow_list"
    DENY_LIST = "deny_list"


class ModelPermissions(Struct, frozen=True, forbid_unknown_fields=True):
    """The only models that a project may use, or those that it may not."""

    mode: PermissionMode
    models: tuple[ModelSnapshot, ...]

    def allow(self, model: str) -> bool:
        """Whether the project may use the snapshot."""
        return (model in self.models) is (self.mode is PermissionMode.ALLOW_LIST)


_IMPLIED = {
    KeyScope.FILES_READ: KeyScope.FILES_WRITE,
    KeyScope.BATCHES_READ: KeyScope.BATCHES_WRITE,
}
_READING = frozenset({KeyScope.MODEL_READ, *_IMPLIED})
_REQUESTS = frozenset(scope for scope in KeyScope if scope.endswith(".request") and scope is not KeyScope.MODEL_REQUEST)


def granting(required: KeyScope) -> frozenset[KeyScope]:
    """The scopes of which any one is enough where `required` is asked for."""
    found = {required}
    if required in _IMPLIED:
        found.add(_IMPLIED[required])
    if required in _READING:
        found.add(KeyScope.ALL_READ)
    if required in _REQUESTS:
        found.add(KeyScope.MODEL_REQUEST)
    return frozenset(found)


_SCOPES = msgspec.json.Decoder(tuple[KeyScope, ...])
_MODELS = msgspec.json.Decoder(ModelPermissions)
_NETWORKS = msgspec.json.Decoder(tuple[IpNetwork, ...])


def encode_scopes(scopes: Iterable[KeyScope]) -> str:
    """The scopes as JSON, for a column."""
    return msgspec.json.encode(sorted(set(scopes))).decode()


def decode_scopes(column: str) -> tuple[KeyScope, ...]:
    """The scopes in the column. Raises `msgspec.MsgspecError`."""
    return _SCOPES.decode(column)


def encode_model_permissions(permissions: ModelPermissions) -> str:
    """The permissions as JSON, for a column."""
    return msgspec.json.encode(permissions).decode()


def decode_model_permissions(column: str | None) -> ModelPermissions | None:
    """The permissions in the column; None where the project may use every model. Raises `msgspec.MsgspecError`."""
    return None if column is None else _MODELS.decode(column)


def encode_networks(networks: tuple[str, ...]) -> str:
    """The networks as JSON, for a column."""
    return msgspec.json.encode(networks).decode()


def decode_networks(column: str) -> tuple[IpNetwork, ...]:
    """The networks in the column. Raises `msgspec.MsgspecError`."""
    return _NETWORKS.decode(column)
