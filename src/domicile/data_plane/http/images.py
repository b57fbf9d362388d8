"""POST /v1/images/generations (contract C21), and GET /v1/images/content/{id} for the links that it returns."""

from starlette.requests import Request

from domicile.data_plane.http.answer import Answer
from domicile.data_plane.http.answering import read_request, whole_answer
from domicile.data_plane.inference.images import ImagesAdapter
from domicile.data_plane.inference.lifecycle import Inference
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.storage.image_links import ImageLinks
from domicile.openai_api.images import ImageRequest
from domicile.web.bodies.body_limits import body_limit

BODY_LIMIT_BYTES = body_limit("/v1/images/generations")

# The link is the only protection of the image: no cache may keep it, and no `Referer` may leak the link.
_CONTENT_HEADERS = {
    "cache-control": "private, no-store",
    "content-security-policy": "default-src 'none'; sandbox",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Images:
    """The handlers of these paths."""

    def __init__(self, inference: Inference, links: ImageLinks) -> None:
        self._inference = inference
        self._links = links
        self._adapter = ImagesAdapter()

    async def create(self, request: Request, caller: Caller, context: RequestContext) -> Answer:
        """Answer with the generated images, or with links to them."""
        body = await read_request(request, self._inference, self._adapter, ImageRequest, limit_bytes=BODY_LIMIT_BYTES)
        return await whole_answer(request, self._inference, self._adapter, caller, body, context)

    async def content(self, request: Request) -> Answer:
        """The image of a link. 404 for anything wrong with the link."""
        picture = await self._links.open(request.path_params["image_id"], request.query_params.get("key", ""))
        return Answer(picture, "image/png", _CONTENT_HEADERS)
