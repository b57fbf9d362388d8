"""POST /v1/audio/transcriptions, /v1/audio/translations and /v1/audio/speech (contract C22)."""

from starlette.requests import Request

from domicile.data_plane.http.answer import Answer, AnyAnswer, StreamedAnswer
from domicile.data_plane.http.answering import RequestBody, read_request, streamed_answer, whole_answer
from domicile.data_plane.inference.audio_speech import SpeechAdapter
from domicile.data_plane.inference.audio_transcription import TranscriptionAdapter, TranslationAdapter
from domicile.data_plane.inference.lifecycle import Inference
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller
from domicile.openai_api.audio_speech import SpeechRequest
from domicile.openai_api.audio_transcription import LISTS, MAX_FILE_BYTES, TranscriptionRequest, TranslationRequest
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.form_stream import read_form

TRANSCRIPTION_LIMIT_BYTES = body_limit("/v1/audio/transcriptions")
TRANSLATION_LIMIT_BYTES = body_limit("/v1/audio/translations")
SPEECH_LIMIT_BYTES = body_limit("/v1/audio/speech")


class Audio:
    """The handlers of these paths. A recording is held in memory whole."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._transcription = TranscriptionAdapter()
        self._translation = TranslationAdapter()
        self._speech = SpeechAdapter()

    async def transcribe(self, request: Request, caller: Caller, context: RequestContext) -> AnyAnswer:
        """Transcribe a recording: the whole text, or a stream of events."""
        form = await read_form(
            request,
            TranscriptionRequest,
            limit_bytes=TRANSCRIPTION_LIMIT_BYTES,
            file="file",
            file_limit_bytes=MAX_FILE_BYTES,
            lists=LISTS,
        )
        body = RequestBody(form, len(form.file))
        answer = streamed_answer if form.streams else whole_answer
        return await answer(request, self._inference, self._transcription, caller, body, context)

    async def translate(self, request: Request, caller: Caller, context: RequestContext) -> Answer:
        """Transcribe a recording into English, as one whole text."""
        form = await read_form(
            request,
            TranslationRequest,
            limit_bytes=TRANSLATION_LIMIT_BYTES,
            file="file",
            file_limit_bytes=MAX_FILE_BYTES,
            lists=frozenset(),
        )
        body = RequestBody(form, len(form.file))
        return await whole_answer(request, self._inference, self._translation, caller, body, context)

    async def speak(self, request: Request, caller: Caller, context: RequestContext) -> StreamedAnswer:
        """Read a text aloud. The sound is streamed."""
        body = await read_request(request, self._inference, self._speech, SpeechRequest, limit_bytes=SPEECH_LIMIT_BYTES)
        return await streamed_answer(request, self._inference, self._speech, caller, body, context)
