"""How long a recording is, found out before an engine is asked: what an engine counts comes late, or never."""

import asyncio
from dataclasses import replace

from domicile.boundary.usage import Usage
from domicile.data_plane.inference.exchange import RequestT
from domicile.data_plane.inference.interruption import Interruption
from domicile.data_plane.inference.preparation import Prepared
from domicile.data_plane.limits.reservation import Reservation
from domicile.kernel import errors
from domicile.media.sound import NotSoundError, seconds_of
from domicile.openai_api.audio_transcription import TranscriptionRequest, TranslationRequest


class RecordingLength:
    """See `Preparation`. What is no recording is refused here, whatever the engine would make of it."""

    async def prepare(
        self, reservation: Reservation, prepared: Prepared[RequestT], _interruption: Interruption
    ) -> Prepared[RequestT]:
        """See `Preparation`. Containers are read in a thread: a long recording has many packets."""
        request = prepared.request
        if not isinstance(request, TranscriptionRequest | TranslationRequest):
            return prepared
        try:
            seconds = await asyncio.to_thread(seconds_of, request.file)
        except NotSoundError:
            raise errors.invalid_file(
                "file", "It is not a recording that can be read. Send mp3, mp4, m4a, wav, webm, ogg or flac, whole."
            ) from None
        return replace(prepared, counted=Usage(audio_milliseconds=round(seconds * 1000)))
