import json
from typing import Any

from domicile.openai_api.audio_transcription import Format, TranscriptionRequest, TranslationRequest
from domicile_engines.endpoints.transcriptions.reply import done, whole
from domicile_engines.models.whisper.transcript import Transcript, TranscriptSegment, TranscriptWord

FIGURES: dict[str, Any] = {
    "seek": 0,
    "temperature": 0.0,
    "avg_logprob": -0.2,
    "compression_ratio": 1.2,
    "no_speech_prob": 0.01,
}
SEGMENTS = [
    TranscriptSegment(0.0, 3.32, " Hello --> there.", (TranscriptWord(" Hello", 0.0, 0.5),), tokens=(1, 2), **FIGURES),
    TranscriptSegment(
        3601.5, 3602.0, " You\n\ntoo.", (TranscriptWord(" You", 3601.5, 3601.7),), tokens=(3,), **FIGURES
    ),
]
HEARD = Transcript(8.47, "de", iter(()))


def answer(
    response_format: Format, segments: list[TranscriptSegment] = SEGMENTS, heard: Transcript = HEARD, **members: Any
) -> str:
    type_ = TranslationRequest if members.pop("translates", False) else TranscriptionRequest
    request = type_(model="m", file=b"", response_format=response_format, **members)  # type: ignore[arg-type]  # one more
    return whole(request, heard, segments)[0].decode()


def test_subtitles_hold_no_line_that_reads_as_another_cue() -> None:
    assert answer("srt") == (
        "1\n00:00:00,000 --> 00:00:03,320\nHello -> there.\n\n2\n01:00:01,500 --> 01:00:02,000\nYou too.\n\n"
    )
    assert answer("vtt") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:03.320\nHello -> there.\n\n01:00:01.500 --> 01:00:02.000\nYou too.\n\n"
    )


def test_json_counts_seconds_that_have_begun() -> None:
    assert json.loads(answer("json")) == {
        "text": "Hello --> there. You\n\ntoo.",
        "usage": {"type": "duration", "seconds": 9},
    }


def test_verbose_json_holds_what_was_asked_for() -> None:
    whole_answer = json.loads(answer("verbose_json"))
    assert (whole_answer["task"], whole_answer["language"], whole_answer["duration"]) == ("transcribe", "german", 8.47)
    assert [segment["id"] for segment in whole_answer["segments"]] == [0, 1]
    assert "words" not in whole_answer
    only_words = json.loads(answer("verbose_json", timestamp_granularities=["word"]))
    assert only_words["words"][0] == {"word": "Hello", "start": 0.0, "end": 0.5}
    assert "segments" not in only_words
    assert json.loads(answer("verbose_json", translates=True))["language"] == "english"


def test_nobody_speaks_no_language() -> None:
    silent = Transcript(3.0, None, iter(()))
    assert json.loads(answer("verbose_json", [], silent))["language"] == "unknown"
    assert json.loads(answer("json", [], silent))["text"] == ""
    assert (answer("srt", [], silent), answer("vtt", [], silent)) == ("", "WEBVTT\n\n")
    assert json.loads(done("", silent))["text"] == ""
