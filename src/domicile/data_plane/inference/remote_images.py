"""Fetches images at allowed URLs and puts them into the request as data URLs, before routing (design 4.6)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from domicile.data_plane.engines.fetch import ImageFetcher
from domicile.data_plane.inference.adapter import RequestT
from domicile.data_plane.inference.preparation import Prepared
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.limits.reservation import Reservation
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_messages import ImagePart, UserMessage
from domicile.openai_api.moderations import ModerationImagePart, ModerationRequest


class FetchedImages:
    """The `Preparation` that fetches the images of a chat or a moderation."""

    def __init__(self, fetcher: ImageFetcher) -> None:
        self._fetcher = fetcher

    async def prepare(
        self, reservation: Reservation, prepared: Prepared[RequestT], _context: RequestContext
    ) -> Prepared[RequestT]:
        """Raises 400 naming the first image that cannot be fetched."""
        images = reservation.admission.remote_images
        if not images:
            return prepared
        request: Any = prepared.request
        insert: Any = in_moderation if isinstance(request, ModerationRequest) else in_chat
        found = await self._fetcher.fetch(images, reservation.admission.caller.project.project_id)
        size_bytes = prepared.size_bytes + sum(map(len, found.values()))
        return replace(prepared, request=insert(request, found), size_bytes=size_bytes)


def in_moderation(request: ModerationRequest, images: Mapping[str, str]) -> ModerationRequest:
    """Replace URLs by images. `images`: data URLs by the member that named the image."""
    given = [_with_image(part, images.get(f"input[{index}].image_url.url")) for index, part in enumerate(request.input)]
    return msgspec.structs.replace(request, input=given)


def in_chat(request: ChatCompletionRequest, images: Mapping[str, str]) -> ChatCompletionRequest:
    """Replace URLs by images. `images`: data URLs by the member that named the image."""
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
    if url is None or not isinstance(part, ImagePart | ModerationImagePart):
        return part
    return msgspec.structs.replace(part, image_url=msgspec.structs.replace(part.image_url, url=url))
