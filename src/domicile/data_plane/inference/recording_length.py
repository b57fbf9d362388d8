"""Measures a recording before routing. Engines report its length late or not at all."""

from dataclasses import replace

import structlog

from domicile.boundary.usage import Usage
from domicile.data_plane.inference.adapter import RequestT
from domicile.data_plane.inference.preparation import Prepared
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.inspection.inspector import Inspector
from domicile.data_plane.inspection.process import InspectorDiedError, InspectorNotStartedError
from domicile.data_plane.limits.reservation import Reservation
from domicile.kernel import errors
from domicile.kernel.fair_turns import NoRoomError
from domicile.media.inspection import Inspection
from domicile.openai_api.audio_transcription import TranscriptionRequest, TranslationRequest

log = structlog.get_logger("inspector")

_FORMATS = "Send mp3, mp4, m4a, wav, webm, ogg or flac, whole."
_RETRY_AFTER_S = 2


class RecordingLength:
    """The `Preparation` that counts a recording's length and refuses files that are not recordings."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector

    async def prepare(
        self, reservation: Reservation, prepared: Prepared[RequestT], _context: RequestContext
    ) -> Prepared[RequestT]:
        """Raises 400 `invalid_file`, or 503 when no inspector is available. The inspector process reads the recording."""
        request = prepared.request
        if not isinstance(request, TranscriptionRequest | TranslationRequest):
            return prepared
        inspection = await self._inspected(reservation.admission.caller.project.project_id, request.file)
        if inspection.refusal == "too_long":
            raise errors.invalid_file("file", "It is longer than this region can inspect. Send it in parts.")
        if inspection.refusal is not None:
            raise errors.invalid_file("file", f"It is not a recording that can be read. {_FORMATS}")
        return replace(prepared, request_usage=Usage(audio_milliseconds=inspection.milliseconds))

    async def _inspected(self, project: str, content: bytes) -> Inspection:
        try:
            return await self._inspector.inspect(project, content)
        except InspectorDiedError:
            raise errors.invalid_file(
                "file", f"Reading it failed, or took more time or memory than a recording needs. {_FORMATS}"
            ) from None
        except InspectorNotStartedError as error:
            log.error("inspector_not_started", how=str(error))
            raise errors.service_unavailable(
                "This region cannot inspect recordings at the moment. Try again shortly. If that does not help, tell the "
                "operator of this platform.",
                _RETRY_AFTER_S,
            ) from None
        except (NoRoomError, TimeoutError):
            raise errors.service_unavailable(
                "Too many recordings wait for inspection in this region. Send the request again, or fewer at a time.",
                _RETRY_AFTER_S,
            ) from None
