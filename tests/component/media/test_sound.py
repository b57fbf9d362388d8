import socket
import struct
from pathlib import Path

import pytest

from domicile.media.sound import PACKETS_MAX, NotSoundError, TooLongError, opened, seconds_of
from tests.recordings import LEISURE, encoded, tone


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("wav", "pcm_s16le", 16_000),
        ("mp3", "libmp3lame", 44_100),
        ("ogg", "libopus", 48_000),
        ("adts", "aac", 44_100),
        ("flac", "flac", 44_100),
        ("mp4", "aac", 44_100),
        ("webm", "libopus", 48_000),
        ("mpegts", "mp2", 48_000),
        ("aiff", "pcm_s16be", 8_000),
        ("ac3", "ac3", 48_000),
    ],
)
def test_a_recording_is_known_by_its_content(container: str, codec: str, rate: int) -> None:
    assert seconds_of(encoded(tone(2, rate), container, codec, rate)) == pytest.approx(2, abs=0.06)


def test_real_speech_is_as_long_as_it_is() -> None:
    assert seconds_of(LEISURE.content) == pytest.approx(LEISURE.seconds, abs=0.01)


def test_tags_in_another_encoding_are_no_matter() -> None:
    title = b"Caf\xe9"
    frame = b"TIT2" + (len(title) + 1).to_bytes(4, "big") + b"\0\0\x03" + title
    tag = b"ID3\x03\0\0" + len(frame).to_bytes(4, "big") + frame
    assert seconds_of(tag + encoded(tone(2, 44_100), "mp3", "libmp3lame", 44_100)) == pytest.approx(2, abs=0.06)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"This is a text. " * 200,
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        bytes(100_000),
        b"<html>" * 100,
        encoded(tone(2))[:44],
        encoded(tone(2), "mp4", "aac", 44_100)[:-2_000],
    ],
    ids=["nothing", "text", "picture", "zeros", "page", "head", "half an mp4"],
)
def test_anything_else_is_no_recording(content: bytes) -> None:
    with pytest.raises(NotSoundError):
        seconds_of(content)


def test_a_playlist_opens_neither_a_file_nor_a_connection(tmp_path: Path) -> None:
    """Formats in which a file names others: FFmpeg would open them, from inside this process."""
    recording = tmp_path / "recording.wav"
    recording.write_bytes(encoded(tone(2)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        for name in (str(recording), f"file://{recording}", f"http://127.0.0.1:{listener.getsockname()[1]}/a.wav"):
            for content in (
                f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{name}\n#EXT-X-ENDLIST\n",
                f"ffconcat version 1.0\nfile '{name}'\n",
                f'<?xml version="1.0"?><MPD><Period><BaseURL>{name}</BaseURL></Period></MPD>',
                f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio {listener.getsockname()[1]} RTP/AVP 0\n",
                f"[Reference]\nRef1={name}\n",
            ):
                with pytest.raises(NotSoundError), opened(content.encode()):
                    pass
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_claim_of_one_sample_a_second_is_no_recording() -> None:
    slow = bytearray(encoded(tone(2)))
    slow[24:28] = (1).to_bytes(4, "little")
    with pytest.raises(NotSoundError):
        seconds_of(bytes(slow))


def test_a_recording_of_countless_packets_is_not_looked_through_to_its_end() -> None:
    """AMR has frames of one byte: a file of 25 MB held a processor for minutes."""
    endless = b"#!AMR\n" + b"\x7c" * (PACKETS_MAX + 10)
    with pytest.raises(TooLongError):
        seconds_of(endless)


def test_a_codec_outside_the_list_is_not_decoded() -> None:
    """FFmpeg knows hundreds, old and rarely looked at; its own list of allowed ones does not hold where they are decoded."""
    yamaha = bytes(range(256)) * 16
    head = struct.pack("<HHIIHH", 0x20, 1, 16_000, 8_000, 1, 4)
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(yamaha)) + yamaha
    with pytest.raises(NotSoundError), opened(b"RIFF" + struct.pack("<I", len(body)) + body):
        pass
