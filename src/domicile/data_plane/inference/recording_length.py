"""How long a recording is, found out before an engine is asked: what an engine counts comes late, or never."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from domicile.boundary.usage import Usage
from domicile.data_plane.inference.exchange import RequestT
from domicile.data_plane.inference.interruption import Interruption
from domicile.data_plane.inference.preparation import Prepared
from domicile.data_plane.limits.reservation import Reservation
from domicile.kernel import errors
from domicile.media.sound import NotSoundError, TooLongError, seconds_of
from domicile.openai_api.audio_transcription import TranscriptionRequest, TranslationRequest

# Of their own, and few: names are looked up and pictures read in the process's common threads, and must not wait for these.
_THREADS = 2


class RecordingLength:
    """See `Preparation`. What is no recording is refused here, whatever the engine would make of it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="recording-length")

    async def prepare(
        self, reservation: Reservation, prepared: Prepared[RequestT], _interruption: Interruption
    ) -> Prepared[RequestT]:
        """See `Preparation`. Containers are read in a thread: a long recording has many packets."""
        request = prepared.request
        if not isinstance(request, TranscriptionRequest | TranslationRequest):
            return prepared
        left = threading.Event()
        try:
            seconds = await asyncio.get_running_loop().run_in_executor(self._threads, seconds_of, request.file, left)
        except TooLongError:
            raise errors.invalid_file(
                "file", "It is longer than can be looked through here. Send it in parts."
            ) from None
        except NotSoundError:
            raise errors.invalid_file(
                "file", "It is not a recording that can be read. Send mp3, mp4, m4a, wav, webm, ogg or flac, whole."
            ) from None
        finally:
            # A client that leaves takes the thread's work with it.
            left.set()
        return replace(prepared, counted=Usage(audio_milliseconds=round(seconds * 1000)))
