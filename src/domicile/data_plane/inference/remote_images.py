"""Allowed URLs of images become the images themselves, before an engine is chosen (design 4.6)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from domicile.data_plane.engines.fetch import ImageFetcher
from domicile.data_plane.inference.exchange import RequestT
from domicile.data_plane.inference.preparation import Prepared
from domicile.data_plane.limits.reservation import Reservation
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_messages import ImagePart, UserMessage


class FetchedImages:
    """See `Preparation`."""

    def __init__(self, fetcher: ImageFetcher) -> None:
        self._fetcher = fetcher

    async def prepare(self, reservation: Reservation, prepared: Prepared[RequestT]) -> Prepared[RequestT]:
        """See `Preparation`."""
        images = reservation.admission.remote_images
        if not images:
            return prepared
        request: Any = prepared.request
        fetched: Any = with_images(request, await self._fetcher.fetch(images))
        return replace(prepared, request=fetched)


def with_images(request: ChatCompletionRequest, images: Mapping[str, str]) -> ChatCompletionRequest:
    """The request with each image at the member that named it."""
    messages = list(request.messages)
    for index, message in enumerate(messages):
        if isinstance(message, UserMessage) and isinstance(message.content, list):
            content = [
                _with_image(part, images.get(f"messages[{index}].content[{part_index}].image_url.url"))
                for part_index, part in enumerate(message.content)
            ]
            messages[index] = msgspec.structs.replace(message, content=content)
    return msgspec.structs.replace(request, messages=messages)


def _with_image(part: Any, url: str | None) -> Any:
    if url is None or not isinstance(part, ImagePart):
        return part
    return msgspec.structs.replace(part, image_url=msgspec.structs.replace(part.image_url, url=url))
