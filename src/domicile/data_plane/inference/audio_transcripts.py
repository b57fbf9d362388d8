"""Transcribes the recordings of a chat if no engine of its model accepts audio (contract C29).

The transcript replaces the recording as a text part of the same message. So the engine gets text that the caller did not write:
design 4.6 lists such cases. Each transcription is a request of its own, admitted and metered as such. The answer's header
`domicile-engine` names both engines.
"""

from dataclasses import dataclass, field, replace
from typing import cast

import msgspec

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.inference.adapter import RequestT
from domicile.data_plane.inference.audio_transcription import TranscriptionAdapter
from domicile.data_plane.inference.lifecycle import Inference
from domicile.data_plane.inference.preparation import Prepared
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.policy.audio_input import decode_recording
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.routing import Router
from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile.kernel.ids import new_id
from domicile.openai_api.audio_transcript import Transcription
from domicile.openai_api.audio_transcription import TranscriptionRequest
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_messages import AudioPart, InputAudio, Message, TextPart, UserMessage
from domicile.process.off_loop import off_loop

AUDIO, TEXT = "audio", "text"


class AudioTranscripts:
    """The `Preparation` that replaces recordings by transcripts."""

    def __init__(self, *, policy: ResidencyPolicy, router: Router, inference: Inference) -> None:
        """`inference` runs the transcriptions."""
        self._router = router
        self._inference = inference
        self._adapter = TranscriptionAdapter()
        self._models = policy.catalogue.eligible_models(Endpoint.AUDIO_TRANSCRIPTIONS, policy.rows)

    async def prepare(
        self, reservation: Reservation, prepared: Prepared[RequestT], context: RequestContext
    ) -> Prepared[RequestT]:
        """Raises the transcription's errors. If no engine transcribes, the chat stays as it is and routing refuses it."""
        request = prepared.request
        if AUDIO not in prepared.needs or not isinstance(request, ChatCompletionRequest):
            return prepared
        if self._router.has_able(reservation, prepared.needs):
            return prepared
        model = next((each for each in self._models if self._router.is_bound(self._adapter.endpoint, each)), None)
        if model is None:
            return prepared
        transcriber = _Transcriber(self._inference, self._adapter, reservation.admission.caller, model, context)
        messages = [
            await transcriber.transcribe(message, f"messages[{index}]")
            for index, message in enumerate(request.messages)
        ]
        return replace(
            prepared,
            request=cast(RequestT, msgspec.structs.replace(request, messages=messages)),
            needs=prepared.needs - {AUDIO} | {TEXT},
            helped_by=(*prepared.helped_by, *transcriber.engines),
        )


@dataclass(slots=True)
class _Transcriber:
    """Transcribes the recordings of one chat."""

    inference: Inference
    adapter: TranscriptionAdapter
    caller: Caller
    model: str
    context: RequestContext
    """The chat's context. Its `cancellation` is shared with the transcriptions."""
    engines: dict[str, None] = field(default_factory=dict)
    """The labels of the engines that transcribed, in order of first use."""

    async def transcribe(self, message: Message, path: str) -> Message:
        """Replace the recordings of a message by their transcripts. `path` names the message in errors."""
        if not isinstance(message, UserMessage) or isinstance(message.content, str):
            return message
        content = [
            TextPart(await self._transcript(part.input_audio, f"{path}.content[{index}].input_audio.data"))
            if isinstance(part, AudioPart)
            else part
            for index, part in enumerate(message.content)
        ]
        return msgspec.structs.replace(message, content=content)

    async def _transcript(self, audio: InputAudio, param: str) -> str:
        sound = await off_loop(lambda: decode_recording(audio, param), len(audio.data), self.caller.project.project_id)
        request = TranscriptionRequest(model=self.model, file=sound)
        context = replace(self.context, request_id=new_id("req_"), body_bytes=len(sound))
        try:
            reply = await self.inference.answer(self.adapter, self.caller, request, context)
        except DomicileError as error:
            if error.code == "invalid_file":
                raise errors.invalid_file(param, "It is not a recording that can be read.") from None
            raise
        self.engines[reply.engines] = None
        return msgspec.json.decode(reply.body, type=Transcription).text
