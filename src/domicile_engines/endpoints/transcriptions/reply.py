"""OpenAI's shapes of a transcript: an object, plain text, subtitles, or a stream of events."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from domicile.openai_api.audio_transcription import TranscriptionRequest, TranslationRequest
from domicile_engines.models.whisper.languages import NAMES
from domicile_engines.models.whisper.transcript import Transcript, TranscriptSegment

RecordingRequest = TranscriptionRequest | TranslationRequest

UNKNOWN_LANGUAGE = "unknown"
"""The language of a recording without speech."""


def text_of(segments: Iterable[TranscriptSegment]) -> str:
    """The text of all segments, joined."""
    return "".join(segment.text for segment in segments).strip()


def whole(
    request: RecordingRequest, transcript: Transcript, segments: Sequence[TranscriptSegment]
) -> tuple[bytes, str]:
    """The reply's body and content type, in the requested format."""
    match request.answer_format:
        case "text":
            return _plain(text_of(segments) + "\n")
        case "srt":
            return _plain(_srt(segments))
        case "vtt":
            return _plain(_vtt(segments))
        case "verbose_json":
            return msgspec.json.encode(_verbose(request, transcript, segments)), "application/json"
        case _:
            return msgspec.json.encode({"text": text_of(segments), "usage": _usage(transcript)}), "application/json"


def delta(text: str) -> bytes:
    """The event for the next piece of text."""
    return msgspec.json.encode({"type": "transcript.text.delta", "delta": text})


def done(text: str, transcript: Transcript) -> bytes:
    """The last event. Its usage is in seconds, as in the other formats of this model."""
    return msgspec.json.encode({"type": "transcript.text.done", "text": text, "usage": _usage(transcript)})


def _usage(transcript: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(transcript.seconds)}


def _verbose(
    request: RecordingRequest, transcript: Transcript, segments: Sequence[TranscriptSegment]
) -> dict[str, Any]:
    translates = isinstance(request, TranslationRequest)
    granularities: Sequence[str] = ("segment",)
    if isinstance(request, TranscriptionRequest) and request.timestamp_granularities:
        granularities = request.timestamp_granularities
    language = NAMES.get(transcript.language or "", UNKNOWN_LANGUAGE)
    body: dict[str, Any] = {
        "task": "translate" if translates else "transcribe",
        "language": "english" if translates else language,
        "duration": round(transcript.seconds, 3),
        "text": text_of(segments),
    }
    if "word" in granularities:
        body["words"] = [
            {"word": word.text.strip(), "start": round(word.start, 3), "end": round(word.end, 3)}
            for segment in segments
            for word in segment.words
        ]
    if "segment" in granularities:
        body["segments"] = [_segment(index, segment) for index, segment in enumerate(segments)]
    return {**body, "usage": _usage(transcript)}


def _segment(index: int, segment: TranscriptSegment) -> dict[str, Any]:
    return {
        "id": index,
        "seek": segment.seek,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }


def _plain(text: str) -> tuple[bytes, str]:
    return text.encode(), "text/plain; charset=utf-8"


def _srt(segments: Sequence[TranscriptSegment]) -> str:
    return "".join(
        f"{number}\n{_clock(segment.start, ',')} --> {_clock(segment.end, ',')}\n{_line(segment)}\n\n"
        for number, segment in enumerate(segments, 1)
    )


def _vtt(segments: Sequence[TranscriptSegment]) -> str:
    cues = "".join(
        f"{_clock(segment.start, '.')} --> {_clock(segment.end, '.')}\n{_line(segment)}\n\n" for segment in segments
    )
    return f"WEBVTT\n\n{cues}"


def _line(segment: TranscriptSegment) -> str:
    """The segment's text on one line. A player would read an arrow or an empty line in a cue as the next cue."""
    return " ".join(segment.text.replace("-->", "->").split())


def _clock(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"
