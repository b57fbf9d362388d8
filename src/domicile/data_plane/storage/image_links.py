"""Links to generated images, valid for one hour in this region only (design 5).

The region's database holds ciphertext. Each image has its own key, which is in the link's query and stored nowhere. So the
database, the disk or a backup does not reveal an image. Query strings are never logged. Where an organization's own key opens a
project's content, a link opens only while this key can be used.
"""

import asyncio
import base64
import binascii
import os
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from domicile.data_plane import region_errors
from domicile.data_plane.storage.key_store import ProjectDestroyedError
from domicile.data_plane.storage.project_keys import ProjectKey
from domicile.data_plane.tables import image_link
from domicile.kernel import errors
from domicile.kernel.clock import Clock
from domicile.kernel.ids import new_id
from domicile.persistence.database import Database
from domicile.process.off_loop import off_loop

log = structlog.get_logger("image_links")

LIFETIME_MS = 60 * 60 * 1000
"""As with OpenAI: "URLs are only valid for 60 minutes"."""
PROJECT_BYTES_MAX = 256 * 1024 * 1024
"""Bytes of one project's unexpired images together. Concurrent requests may each exceed it by their own images."""
SWEEP_S = 60.0
_SWEPT_AT_ONCE = 50
_RETRY_AFTER_S = 60

_KEY_BYTES = 32
_NONCE_BYTES = 12
_ID = re.compile(r"img_[0-9A-Za-z]{24}")
_KEY = re.compile(r"[0-9A-Za-z_-]{43}")


OutsideKey = Callable[[str], Awaitable[ProjectKey | None]]
"""The project's key, where an organization's own key opens its content; otherwise None. See `ProjectKeys.outside_key`."""


async def no_outside_keys(_project_id: str) -> None:
    """The `OutsideKey` of a region without customers' keys."""


class ImageLinks:
    """Stores, serves and deletes the images behind links. Raises the errors of `ProjectKeys.outside_key` too."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        base_url: str,
        is_live: Callable[[str], bool],
        outside_key: OutsideKey = no_outside_keys,
    ) -> None:
        """`base_url`: the region's public URL with `/v1`. `is_live`: whether a project is neither archived nor blocked."""
        self._database = database
        self._clock = clock
        self._base_url = base_url
        self._is_live = is_live
        self._outside_key = outside_key

    async def require_room(self, project_id: str) -> None:
        """Raises 429 when the project's images fill its quota, `PROJECT_BYTES_MAX`, and 503 while they could not be stored."""
        await self._content_key(project_id, "", b"")
        held = select(func.coalesce(func.sum(image_link.c.size_bytes), 0)).where(
            image_link.c.project_id == project_id, image_link.c.expires_at_ms > self._clock.now_ms()
        )
        async with self._database.reading() as connection:
            if (await connection.execute(held)).scalar_one() >= PROJECT_BYTES_MAX:
                raise region_errors.rate_limit_exceeded(
                    f"Your project's image links have reached their limit of {PROJECT_BYTES_MAX // 1024**2} MiB. Each expires "
                    "an hour after it was made: wait, or ask for 'response_format': 'b64_json'.",
                    _RETRY_AFTER_S,
                )

    async def store(self, project_id: str, picture: bytes) -> str:
        """Encrypt and store a picture. Returns its link, which holds the only copy of the key."""
        image_id, link_key = new_id("img_"), os.urandom(_KEY_BYTES)
        key = await self._content_key(project_id, image_id, link_key)
        expires_at_ms = self._clock.now_ms() + LIFETIME_MS
        nonce = os.urandom(_NONCE_BYTES)
        bound_to = _bound_to(project_id, image_id, expires_at_ms)
        sealed = await off_loop(lambda: nonce + AESGCM(key).encrypt(nonce, picture, bound_to), len(picture), project_id)
        async with self._database.appending() as connection:
            await connection.execute(
                insert(image_link).values(
                    image_id=image_id,
                    project_id=project_id,
                    expires_at_ms=expires_at_ms,
                    size_bytes=len(sealed),
                    ciphertext=sealed,
                )
            )
        query = urlencode({"key": base64.urlsafe_b64encode(link_key).decode("ascii").rstrip("=")})
        return f"{self._base_url}/images/content/{image_id}?{query}"

    async def open(self, image_id: str, key: str) -> bytes:
        """The picture. Raises the same 404 for an unknown or expired link, a wrong key, and a project that is not live."""
        absent = errors.not_found("image", image_id if _ID.fullmatch(image_id) else "")
        if not _ID.fullmatch(image_id) or not _KEY.fullmatch(key):
            raise absent
        query = select(image_link).where(image_link.c.image_id == image_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        if row is None or row.expires_at_ms <= self._clock.now_ms() or not self._is_live(row.project_id):
            raise absent
        nonce, sealed = row.ciphertext[:_NONCE_BYTES], row.ciphertext[_NONCE_BYTES:]
        try:
            link_key = base64.urlsafe_b64decode(key + "=")
            cipher = AESGCM(await self._content_key(row.project_id, image_id, link_key))
            bound_to = _bound_to(row.project_id, image_id, row.expires_at_ms)
            return await off_loop(lambda: cipher.decrypt(nonce, sealed, bound_to), len(sealed), row.project_id)
        except (InvalidTag, binascii.Error, ValueError):
            raise absent from None

    async def _content_key(self, project_id: str, image_id: str, link_key: bytes) -> bytes:
        """The key of the ciphertext: the link's own, mixed with the project's where an organization's own key opens that."""
        try:
            project_key = await self._outside_key(project_id)
        except ProjectDestroyedError:
            raise errors.not_found("project", project_id) from None
        return link_key if project_key is None else project_key.mix(f"image link {image_id}", link_key)

    async def destroy(self, project_id: str) -> None:
        """Delete all images of a project. A `Destroyer`."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(image_link).where(image_link.c.project_id == project_id))

    async def sweep(self) -> None:
        """Delete expired images, `_SWEPT_AT_ONCE` in a transaction, so that other work need not wait long for the database."""
        over = (
            select(image_link.c.image_id)
            .where(image_link.c.expires_at_ms <= self._clock.now_ms())
            .limit(_SWEPT_AT_ONCE)
        )
        while True:
            async with self._database.transaction() as connection:
                deleted = await connection.execute(delete(image_link).where(image_link.c.image_id.in_(over)))
            if deleted.rowcount < _SWEPT_AT_ONCE:
                return

    async def run(self) -> None:
        """Sweep once a minute until cancelled. Expired images are not served, even if they could not be deleted yet."""
        while True:
            try:
                await self.sweep()
            except (SQLAlchemyError, OSError) as error:
                log.error("image_links_not_swept", type=type(error).__name__)
            await asyncio.sleep(SWEEP_S)


def _bound_to(project_id: str, image_id: str, expires_at_ms: int) -> bytes:
    """The associated data of the encryption: a ciphertext moved to another row, project or time cannot be decrypted."""
    return f"domicile image link\n{project_id}\n{image_id}\n{expires_at_ms}".encode("ascii")
