"""The URL map of a region."""

from dataclasses import dataclass

from starlette.routing import Route

from domicile.boundary.permissions import KeyScope
from domicile.data_plane.files.service import FileService
from domicile.data_plane.files.uploads import UploadService
from domicile.data_plane.http.audio import Audio
from domicile.data_plane.http.auth import Authenticator
from domicile.data_plane.http.batches import Batches
from domicile.data_plane.http.chat_completions import ChatCompletions
from domicile.data_plane.http.completions import Completions
from domicile.data_plane.http.embeddings import Embeddings
from domicile.data_plane.http.files import Files
from domicile.data_plane.http.handling import for_anybody, for_caller
from domicile.data_plane.http.health import Health
from domicile.data_plane.http.images import Images
from domicile.data_plane.http.middleware import CORS_HEADERS, RegionMiddleware
from domicile.data_plane.http.models import Models
from domicile.data_plane.http.moderations import Moderations
from domicile.data_plane.http.uploads import Uploads
from domicile.data_plane.inference.lifecycle import Inference
from domicile.data_plane.jobs.service import BatchService
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.storage.image_links import ImageLinks
from domicile.web.application import Application, Observer
from domicile.web.bodies.body_memory import BodyMemory


@dataclass(frozen=True, slots=True)
class RegionEndpoints:
    """The parts that `apps.region` builds."""

    authenticator: Authenticator
    health: Health
    models: Models
    inference: Inference
    image_links: ImageLinks
    policy: ResidencyPolicy
    files: FileService
    uploads: UploadService
    batches: BatchService
    region: str


def region_routes(endpoints: RegionEndpoints) -> list[Route]:
    """The route of each path, in the order of matching."""
    inference = endpoints.inference
    chat = ChatCompletions(inference)
    images = Images(inference, endpoints.image_links)
    audio = Audio(inference)
    files = Files(endpoints.policy, endpoints.files)
    uploads = Uploads(endpoints.policy, endpoints.uploads)
    batches = Batches(endpoints.batches)
    return [
        Route("/healthz", for_anybody(endpoints.health.alive), methods=["GET"]),
        Route("/readyz", for_anybody(endpoints.health.ready), methods=["GET"]),
        Route("/v1/models", for_caller(KeyScope.MODEL_READ, endpoints.models.list), methods=["GET"]),
        Route("/v1/models/{model:path}", for_caller(KeyScope.MODEL_READ, endpoints.models.get), methods=["GET"]),
        Route(
            "/v1/chat/completions",
            for_caller(KeyScope.CHAT_COMPLETIONS, chat.create),
            methods=["POST"],
        ),
        Route("/v1/audio/transcriptions", for_caller(KeyScope.AUDIO, audio.transcribe), methods=["POST"]),
        Route("/v1/audio/translations", for_caller(KeyScope.AUDIO, audio.translate), methods=["POST"]),
        Route("/v1/audio/speech", for_caller(KeyScope.AUDIO, audio.speak), methods=["POST"]),
        Route("/v1/completions", for_caller(KeyScope.COMPLETIONS, Completions(inference).create), methods=["POST"]),
        Route("/v1/embeddings", for_caller(KeyScope.EMBEDDINGS, Embeddings(inference).create), methods=["POST"]),
        Route("/v1/files", for_caller(KeyScope.FILES_READ, files.list), methods=["GET"]),
        Route("/v1/files", for_caller(KeyScope.FILES_WRITE, files.create), methods=["POST"]),
        Route("/v1/files/{file_id}", for_caller(KeyScope.FILES_READ, files.get), methods=["GET"]),
        Route("/v1/files/{file_id}", for_caller(KeyScope.FILES_WRITE, files.delete), methods=["DELETE"]),
        Route("/v1/files/{file_id}/content", for_caller(KeyScope.FILES_READ, files.content), methods=["GET"]),
        Route("/v1/uploads", for_caller(KeyScope.FILES_WRITE, uploads.create), methods=["POST"]),
        Route("/v1/uploads/{upload_id}/parts", for_caller(KeyScope.FILES_WRITE, uploads.add_part), methods=["POST"]),
        Route("/v1/uploads/{upload_id}/complete", for_caller(KeyScope.FILES_WRITE, uploads.complete), methods=["POST"]),
        Route("/v1/uploads/{upload_id}/cancel", for_caller(KeyScope.FILES_WRITE, uploads.cancel), methods=["POST"]),
        Route("/v1/images/generations", for_caller(KeyScope.IMAGES, images.create), methods=["POST"]),
        Route("/v1/images/content/{image_id}", for_anybody(images.content), methods=["GET"]),
        Route("/v1/batches", for_caller(KeyScope.BATCHES_WRITE, batches.create), methods=["POST"]),
        Route("/v1/batches", for_caller(KeyScope.BATCHES_READ, batches.list), methods=["GET"]),
        Route("/v1/batches/{batch_id}", for_caller(KeyScope.BATCHES_READ, batches.get), methods=["GET"]),
        Route("/v1/batches/{batch_id}/cancel", for_caller(KeyScope.BATCHES_WRITE, batches.cancel), methods=["POST"]),
        Route("/v1/moderations", for_caller(KeyScope.MODERATIONS, Moderations(inference).create), methods=["POST"]),
    ]


def build_application(
    endpoints: RegionEndpoints, observer: Observer | None = None, body_memory: BodyMemory | None = None
) -> Application:
    """The routes behind CORS and authentication. `observer` counts requests, `body_memory` bounds the memory of their bodies.

    The server must run the `head_gate` of `endpoints.authenticator`. Without it only public paths are served.
    """
    return Application(
        region_routes(endpoints),
        decorate=RegionMiddleware,
        extra_headers=_headers(endpoints.region),
        observer=observer,
        body_memory=body_memory,
    )


def refusal_headers(region: str) -> tuple[tuple[str, str], ...]:
    """Headers for errors that the listener sends itself. With the CORS headers a page in a browser can read those too."""
    return tuple((name.decode(), value.decode()) for name, value in _headers(region))


def _headers(region: str) -> tuple[tuple[bytes, bytes], ...]:
    return (*CORS_HEADERS, (b"domicile-region", region.encode()))
