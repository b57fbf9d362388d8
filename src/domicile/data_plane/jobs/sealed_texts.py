"""The customer's texts in a batch's row, sealed with the project's key."""

import msgspec

from domicile.data_plane.storage.project_keys import ProjectKeys
from domicile.openai_api.batches import BatchErrors

_METADATA = msgspec.json.Decoder(dict[str, str])
_ERRORS = msgspec.json.Decoder(BatchErrors)


class SealedTexts:
    """Seals and opens them. Raises `ProjectKeyGoneError`, and the errors of the key store."""

    def __init__(self, keys: ProjectKeys) -> None:
        self._keys = keys

    async def seal_metadata(self, project_id: str, batch_id: str, metadata: dict[str, str]) -> bytes:
        """The metadata, for the row of this batch only."""
        key = await self._keys.of(project_id)
        return key.seal_text(_where("metadata", batch_id), msgspec.json.encode(metadata).decode("utf-8"))

    async def open_metadata(self, project_id: str, batch_id: str, sealed: bytes) -> dict[str, str]:
        """The metadata."""
        key = await self._keys.of(project_id)
        return _METADATA.decode(key.open_text(_where("metadata", batch_id), sealed))

    async def seal_errors(self, project_id: str, batch_id: str, errors: BatchErrors) -> bytes:
        """The errors of a broken input, for the row of this batch only. They may quote the input."""
        key = await self._keys.of(project_id)
        return key.seal_text(_where("errors", batch_id), msgspec.json.encode(errors).decode("utf-8"))

    async def open_errors(self, project_id: str, batch_id: str, sealed: bytes) -> BatchErrors:
        """The errors."""
        key = await self._keys.of(project_id)
        return _ERRORS.decode(key.open_text(_where("errors", batch_id), sealed))


def _where(column: str, batch_id: str) -> str:
    return f"batch.{column} {batch_id}"
