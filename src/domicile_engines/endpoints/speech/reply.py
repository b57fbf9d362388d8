"""OpenAI's shapes for sound: its bytes as they are made, or events that hold them."""

import base64
from collections.abc import AsyncIterator

import msgspec

from domicile_engines.endpoints.http import Reply
from domicile_engines.models.kokoro.speaking import Sound

# Readers of events have buffers.
_EVENT_BYTES = 48 * 1024


async def send_sound(reply: Reply, sounds: AsyncIterator[Sound], media_type: str) -> None:
    """The bytes themselves."""
    async for sound in sounds:
        await reply.part(sound.data, media_type)
    await reply.end()


async def send_events(reply: Reply, sounds: AsyncIterator[Sound]) -> None:
    """Events. Tokens are the model's own: sounds in, frames out."""
    read = made = 0
    async for sound in sounds:
        read, made = sound.sounds, sound.frames
        for start in range(0, len(sound.data), _EVENT_BYTES):
            piece = base64.b64encode(sound.data[start : start + _EVENT_BYTES]).decode()
            await reply.event(msgspec.json.encode({"type": "speech.audio.delta", "audio": piece}))
    usage = {"input_tokens": read, "output_tokens": made, "total_tokens": read + made}
    await reply.event(msgspec.json.encode({"type": "speech.audio.done", "usage": usage}))
    await reply.done()
