"""The platform's own fetch of an image that a caller names by a URL of an allowed host (design 4.6).

Engines fetch nothing: what a URL means to them would be an exit. Here the host is one that the operator has placed inside the
region, over TLS, at a public address that was looked up once; redirects are refused, and what comes is an image or nothing.
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
"""Of all images of a request together."""
FETCH_TIMEOUT_S = 10.0
_ACCEPT = {"accept": "image/png, image/jpeg, image/webp, image/gif"}
_OK = 200


class ImageFetcher:
    """Fetches from the hosts that the operator allows."""

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

        `resolver`: the machine's own by default. `trusted`: in place of the system's certificates.
        """
        self._destinations = {
            (host.host, host.port): egress.inside(f"https://{host.host}:{host.port}", host.country) for host in hosts
        }
        self._resolver = resolver or PublicResolver()
        self._trusted = trusted
        self._timeout_s = timeout_s

    async def fetch(self, images: Iterable[RemoteImage], project_id: str) -> dict[str, str]:
        """Data URLs by the members that named the images. Raises 400 that names the first that could not be had."""
        found: dict[str, str] = {}
        room, until = FETCH_BYTES_MAX, asyncio.get_running_loop().time() + self._timeout_s
        # One after the other: whoever names ten images has no ten connections from here.
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
                    raise _refused(image, "its host does not answer with it: 200, and no redirect")
                return await _read(image, response, room)
        except TimeoutError:
            raise _refused(image, f"it does not come within {self._timeout_s:.0f} s") from None
        except (KeyError, EgressRefusedError):
            raise _refused(image, "its host does not lead to an allowed public address") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise _refused(image, "its host cannot be reached over TLS") from None


async def _read(image: RemoteImage, response: aiohttp.ClientResponse, room: int) -> bytes:
    data = bytearray()
    async for part in response.content.iter_any():
        data += part
        if len(data) > room:
            raise _refused(image, f"the images of one request may have at most {FETCH_BYTES_MAX} bytes together")
    return bytes(data)


def _data_url(image: RemoteImage, data: bytes) -> str:
    """By what it is, whatever its host says of it."""
    try:
        kind = read_header(data).kind
    except UnreadableImageError:
        raise errors.invalid_file(image.param, "What its host answers with is no PNG, JPEG, WebP or GIF.") from None
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    check_image(url, image.param)
    return url


def _refused(image: RemoteImage, why: str) -> DomicileError:
    return region_errors.url_not_allowed(image.param, f"This image is not fetched: {why}. Send the image itself.")
