"""Requests with a mark in one place each: every place of every request type where a caller can write."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import inspect

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.policy.endpoint_rules import SERVED
from tests.recordings import SELFISH

FORMS = frozenset({Endpoint.AUDIO_TRANSCRIPTIONS, Endpoint.AUDIO_TRANSLATIONS})

# A plain request for each endpoint, which is answered.
PLAIN: Mapping[Endpoint, dict[str, Any]] = {
    Endpoint.CHAT_COMPLETIONS: {"model": "gpt-4o-2024-08-06", "messages": [{"role": "user", "content": "x"}]},
    Endpoint.COMPLETIONS: {"model": "gpt-3.5-turbo-instruct", "prompt": "x"},
    Endpoint.EMBEDDINGS: {"model": "text-embedding-3-small", "input": "x"},
    Endpoint.MODERATIONS: {"model": "omni-moderation-latest", "input": "x"},
    Endpoint.AUDIO_SPEECH: {"model": "tts-1", "input": "x", "voice": "alloy"},
    Endpoint.IMAGES_GENERATIONS: {"model": "dall-e-3", "prompt": "x", "response_format": "b64_json"},
    Endpoint.AUDIO_TRANSCRIPTIONS: {"model": "whisper-1"},
    Endpoint.AUDIO_TRANSLATIONS: {"model": "whisper-1"},
}


def marked_bodies(endpoint: Endpoint, mark: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, body) for every place of the endpoint's request, and one for a member that nobody knows.

    Where a text may stand, the mark is a good value; in every other place it is a wrong one, since refusals have texts and
    logs of their own.
    """
    request, _ = SERVED[endpoint]
    shape = inspect.type_info(request)
    assert isinstance(shape, inspect.StructType)
    for field in shape.fields:
        if field.encode_name != "file":
            for place, value in _marked(field.type, mark):
                yield f"{field.encode_name}{place}", {**PLAIN[endpoint], field.encode_name: value}
    yield "(a member's name)", {**PLAIN[endpoint], mark: 1}
    yield "(an unknown member)", {**PLAIN[endpoint], "unknown": {"deep": [mark]}}


def _marked(info: inspect.Type, mark: str) -> Iterator[tuple[str, Any]]:
    """Values of a type with the mark in one place."""
    yield "", mark
    for kind in info.types if isinstance(info, inspect.UnionType) else (info,):
        if isinstance(kind, inspect.StructType):
            yield from _marked_struct(kind, mark)
        elif isinstance(kind, inspect.ListType | inspect.CollectionType):
            yield from ((f"[]{place}", [value]) for place, value in _marked(kind.item_type, mark))
        elif isinstance(kind, inspect.DictType):
            yield ".(name)", {mark: _plain(kind.value_type)}
            yield from ((f".x{place}", {"x": value}) for place, value in _marked(kind.value_type, mark))
        elif isinstance(kind, inspect.AnyType | inspect.RawType):
            yield ".(name)", {mark: 1}
            yield ".deep", {"x": [{"y": mark}]}


def _marked_struct(struct: inspect.StructType, mark: str) -> Iterator[tuple[str, Any]]:
    plain = _plain(struct)
    label = "" if struct.tag is None else f"<{struct.tag}>"
    for field in struct.fields:
        for place, value in _marked(field.type, mark):
            yield f"{label}.{field.encode_name}{place}", {**plain, field.encode_name: value}
    yield f"{label}.(a member's name)", {**plain, mark: 1}


def _plain(info: inspect.Type) -> Any:
    """A value of a type, as small as it goes."""
    kinds = info.types if isinstance(info, inspect.UnionType) else (info,)
    kind = next(each for each in kinds if not isinstance(each, inspect.NoneType))
    value: Any = {}
    match kind:
        case inspect.StructType():
            value = {each.encode_name: _plain(each.type) for each in kind.fields if each.required}
            if kind.tag is not None:
                value[str(kind.tag_field)] = kind.tag
        case inspect.LiteralType():
            value = kind.values[0]
        case inspect.EnumType():
            value = next(iter(kind.cls)).value
        case inspect.IntType() | inspect.FloatType():
            value = kind.ge or 1
        case inspect.BoolType():
            value = True
        case inspect.ListType():
            value = [_plain(kind.item_type)]
        case inspect.StrType():
            value = "x"
    return value


def marked_headers(mark: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(name, headers) for every header that clients set, the key's included, and for one that nobody knows."""
    for name in (
        *("user-agent", "referer", "origin", "cookie", "accept", "accept-language", "accept-encoding", "from", "via"),
        *(
            "x-request-id",
            "x-client-request-id",
            "idempotency-key",
            "openai-organization",
            "openai-project",
            "openai-beta",
        ),
        *("x-stainless-lang", "x-stainless-package-version", "traceparent", "tracestate", "baggage", "x-forwarded-for"),
        *("forwarded", "x-forwarded-host", "access-control-request-headers", "content-language", "content-encoding"),
        *("content-disposition", "content-type", "authorization", "api-key", "expect", "x-unknown", mark),
    ):
        yield name, {name: "x" if name == mark else mark}
    yield "content-type's boundary", {"content-type": f"multipart/form-data; boundary={mark}"}
    yield "bearer", {"authorization": f"Bearer {mark}"}
    yield "bearer of a key's form", {"authorization": f"Bearer sk-eu-{mark}"}


def marked_recordings(mark: bytes) -> Iterator[tuple[str, bytes]]:
    """Recordings with the mark in what players show of them."""
    body = mark + b"\0" * (len(mark) % 2)
    info = b"INFO" + b"".join(name + struct.pack("<I", len(mark)) + body for name in (b"INAM", b"IART", b"ICMT"))
    samples = b"\0\0" * 8000
    chunks = [(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)), (b"LIST", info), (b"data", samples)]
    riff = b"WAVE" + b"".join(name + struct.pack("<I", len(data)) + data for name, data in chunks)
    yield "INFO of a WAV file", b"RIFF" + struct.pack("<I", len(riff)) + riff
    # A FLAC file begins with its stream's block; comments may follow (RFC 9639 8.6).
    comment = b"TITLE=" + mark
    comments = struct.pack("<I", len(mark)) + mark + struct.pack("<II", 1, len(comment)) + comment
    stream = SELFISH.content[4:42]
    rest = SELFISH.content[42:]
    block = bytes([4]) + len(comments).to_bytes(3, "big") + comments
    yield "comment of a FLAC file", b"fLaC" + bytes([stream[0] & 0x7F]) + stream[1:] + block + rest
    tag = b"\x03" + mark
    frame = b"TIT2" + len(tag).to_bytes(4, "big") + b"\0\0" + tag
    size = len(frame)
    header = b"ID3\x03\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    yield "ID3 of what is no MP3 file", header + frame + mark


def marked_png(mark: bytes) -> bytes:
    """A picture of one pixel whose text says the mark (PNG, third edition, 11.3.3)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        chunk(b"tEXt", b"Comment\0" + mark),
        chunk(b"eXIf", b"MM\0*\0\0\0\x08" + mark),
        chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
