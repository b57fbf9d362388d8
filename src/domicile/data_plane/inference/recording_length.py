"""How long a recording is, found out before an engine is asked: what an engine counts comes late, or never."""

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
    """The `Preparation` that measures a recording, and refuses a file that is none, whatever the engine would make of it."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector

    async def prepare(
        self, reservation: Reservation, prepared: Prepared[RequestT], _context: RequestContext
    ) -> Prepared[RequestT]:
        """Raises 400 `invalid_file`. The recording is read in a process of its own."""
        request = prepared.request
        if not isinstance(request, TranscriptionRequest | TranslationRequest):
            return prepared
        inspection = await self._inspected(reservation.admission.caller.project.project_id, request.file)
        if inspection.refusal == "too_long":
            raise errors.invalid_file("file", "It is longer than can be looked through here. Send it in parts.")
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
                "This region cannot look through recordings at the moment. Try again shortly; if it stays so, tell the "
                "operator of this platform.",
                _RETRY_AFTER_S,
            ) from None
        except (NoRoomError, TimeoutError):
            raise errors.service_unavailable(
                "This region has as many recordings to look through as it can. Send the request again, or fewer at a time.",
                _RETRY_AFTER_S,
            ) from None
