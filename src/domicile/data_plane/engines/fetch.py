"""Fetches images at URLs of allowed hosts (design 4.6).

Engines must not fetch: a URL could lead them out of the region. This fetch goes only to hosts that the operator has declared
inside the region, over TLS, at a public address looked up once. It refuses redirects, and bodies that are not images.
"""

import asyncio
import base64
import ssl
from collections.abc import Iterable
from functools import partial

import aiohttp
from aiohttp import ClientTimeout
from yarl import URL

from domicile.data_plane import region_errors
from domicile.data_plane.egress import (
    EgressPolicy,
    EgressRefusedError,
    PublicResolver,
    session_to_address,
)
from domicile.data_plane.policy.image_input import UnreadableImageError, check_image, read_header
from domicile.data_plane.policy.remote_image import RemoteImage
from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile.process.off_loop import off_loop
from domicile.settings.fetch_hosts import FetchHost

FETCH_BYTES_MAX = 20 * 1024 * 1024
"""Bytes of all images of one request together."""
FETCH_TIMEOUT_S = 10.0
_ACCEPT = {"accept": "image/png, image/jpeg, image/webp, image/gif"}
_OK = 200


class ImageFetcher:
    """Fetches images from the hosts in the region's settings."""

    def __init__(
        self,
        hosts: Iterable[FetchHost],
        egress: EgressPolicy,
        *,
        resolver: PublicResolver | None = None,
        trusted: ssl.SSLContext | None = None,
        timeout_s: float = FETCH_TIMEOUT_S,
    ) -> None:
        """Raises `EgressRefusedError` when a host stands outside the region.

        `resolver`: None for the machine's own. `trusted`: certificates to trust in place of the system's. `timeout_s`: for all
        images of one request together.
        """
        self._destinations = {
            (host.host, host.port): egress.inside(f"https://{host.host}:{host.port}", host.country) for host in hosts
        }
        self._resolver = resolver or PublicResolver()
        self._trusted = trusted
        self._timeout_s = timeout_s

    async def fetch(self, images: Iterable[RemoteImage], project_id: str) -> dict[str, str]:
        """Fetch the images as data URLs, by the member that named each. Raises 400 naming the first that failed."""
        found: dict[str, str] = {}
        room, until = FETCH_BYTES_MAX, asyncio.get_running_loop().time() + self._timeout_s
        # One after the other, so that one request never has ten connections.
        for image in images:
            data = await self._fetch(image, room, until)
            room -= len(data)
            found[image.param] = await off_loop(partial(_data_url, image, data), len(data), project_id)
        return found

    async def _fetch(self, image: RemoteImage, room: int, until: float) -> bytes:
        try:
            allowed = self._destinations[image.host, image.port]
            async with (
                asyncio.timeout_at(until),
                session_to_address(
                    allowed,
                    await self._resolver.address(allowed),
                    ClientTimeout(total=None),
                    trusted=self._trusted,
                ) as session,
                session.get(URL(image.url, encoded=True), headers=_ACCEPT, allow_redirects=False) as response,
            ):
                if response.status != _OK:
                    raise _refused(image, "its host does not answer with status 200, and redirects are not followed")
                return await _read(image, response, room)
        except TimeoutError:
            raise _refused(image, f"the images of the request took longer than {self._timeout_s:.0f} s") from None
        except (KeyError, EgressRefusedError):
            raise _refused(image, "its host's name does not resolve to public addresses only") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise _refused(image, "its host cannot be reached over TLS, or its answer broke off") from None


async def _read(image: RemoteImage, response: aiohttp.ClientResponse, room: int) -> bytes:
    data = bytearray()
    async for part in response.content.iter_any():
        data += part
        if len(data) > room:
            raise _refused(image, f"the images of one request may have at most {FETCH_BYTES_MAX} bytes together")
    return bytes(data)


def _data_url(image: RemoteImage, data: bytes) -> str:
    """The image as a data URL, with the type found in its bytes instead of the host's `content-type`."""
    try:
        kind = read_header(data).kind
    except UnreadableImageError:
        raise errors.invalid_file(image.param, "Its host's answer is not a PNG, JPEG, WebP or GIF image.") from None
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    check_image(url, image.param)
    return url


def _refused(image: RemoteImage, why: str) -> DomicileError:
    return region_errors.url_not_allowed(image.param, f"This image is not fetched: {why}. Send it as a data URL.")
