"""OpenAI's shapes of speech: a stream of audio bytes, or events that contain them in base64."""

import base64
from collections.abc import AsyncIterator

import msgspec

from domicile_engines.endpoints.http import HttpReply
from domicile_engines.models.kokoro.speaking import Sound

# Clients read an event into a buffer, so events stay small.
_EVENT_BYTES = 48 * 1024


async def send_sound(reply: HttpReply, sounds: AsyncIterator[Sound], media_type: str) -> None:
    """Stream the audio bytes themselves."""
    async for sound in sounds:
        await reply.part(sound.data, media_type)
    await reply.end()


async def send_events(reply: HttpReply, sounds: AsyncIterator[Sound]) -> None:
    """Stream the audio as events. Usage counts the model's units: sounds (phonemes) in, frames of 25 ms out."""
    read = made = 0
    async for sound in sounds:
        read, made = sound.sounds, sound.frames
        for start in range(0, len(sound.data), _EVENT_BYTES):
            piece = base64.b64encode(sound.data[start : start + _EVENT_BYTES]).decode()
            await reply.event(msgspec.json.encode({"type": "speech.audio.delta", "audio": piece}))
    usage = {"input_tokens": read, "output_tokens": made, "total_tokens": read + made}
    await reply.event(msgspec.json.encode({"type": "speech.audio.done", "usage": usage}))
    await reply.done()
