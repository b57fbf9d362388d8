"""POST /v1/images/generations (contract C21), and GET of the links that it hands out."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from domicile.data_plane.http.answering import answer_headers, read_request, whole_answer
from domicile.data_plane.http.streaming import while_connected
from domicile.data_plane.inference.cancellation import Cancellation
from domicile.data_plane.inference.images import ImagesAdapter
from domicile.data_plane.inference.lifecycle import Answer, Inference
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.storage.image_links import ImageLinks
from domicile.openai_api.images import ImageRequest, bytes_of, decode_images, encode_images, with_link
from domicile.web.bodies.body_limits import body_limit

BODY_LIMIT_BYTES = body_limit("/v1/images/generations")

# Whoever has a link may see the picture, and nobody else: no cache keeps it, and no page learns the link from the browser.
_CONTENT_HEADERS = {
    "cache-control": "private, no-store",
    "content-security-policy": "default-src 'none'; sandbox",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Images:
    """Reads the request whole, lets `inference` run the request lifecycle, and puts links where they are wanted."""

    def __init__(self, inference: Inference, links: ImageLinks) -> None:
        self._inference = inference
        self._links = links
        self._adapter = ImagesAdapter()

    async def create(self, request: Request) -> Response:
        """One image, or as many as the model makes at a time."""
        body = await read_request(request, self._inference, self._adapter, ImageRequest, limit_bytes=BODY_LIMIT_BYTES)
        if not body.wants_links:
            return await whole_answer(request, self._inference, self._adapter, body)
        cancellation = Cancellation()
        working = self._linked(request.scope["caller"], body, request.scope["request_id"], cancellation)
        answer = await while_connected(request, working, cancellation)
        return Response(answer.body, headers=answer_headers(request, answer), media_type=answer.media_type)

    async def content(self, request: Request) -> Response:
        """The picture behind a link, for whoever has it. Everything else is 404."""
        picture = await self._links.open(request.path_params["image_id"], request.query_params.get("key", ""))
        return Response(picture, headers=_CONTENT_HEADERS, media_type="image/png")

    async def _linked(self, caller: Caller, body: ImageRequest, request_id: str, cancellation: Cancellation) -> Answer:
        answer = await self._inference.answer(self._adapter, caller, body, request_id, cancellation)
        reply = decode_images(answer.body)
        linked = [
            with_link(await self._links.store(caller.project.project_id, bytes_of(image)), image)
            for image in reply.data
        ]
        return replace(answer, body=encode_images(type(reply)(linked, reply.created)))
