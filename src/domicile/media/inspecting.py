"""The inspector's loop: reads recordings from the region's socket and answers with inspections, one at a time."""

import io
import signal
import socket
import wave

from domicile.media.inspection import (
    ANSWER_SECONDS_MAX,
    CONTENT_BYTES_MAX,
    LENGTH,
    PROCESSOR_SECONDS_MAX,
    Inspection,
    encode,
)
from domicile.media.sound import TooLongError, seconds_of


def inspect(content: bytes) -> Inspection:
    """Inspect one recording. Never raises: content that the decoder cannot read is refused as `not_sound`."""
    try:
        return Inspection(milliseconds=round(seconds_of(content) * 1000))
    except TooLongError:
        return Inspection(refusal="too_long")
    except Exception:  # any error of the decoder's binding, also a refused memory allocation
        return Inspection(refusal="not_sound")


def warm_up() -> None:
    """Inspect a recording, so that everything is imported and opened that the first inspection needs."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8_000)
        writer.writeframes(bytes(1_600))
    inspect(file.getvalue())
    inspect(b"no recording")


def serve(region: socket.socket) -> None:
    """Tell the region that this process is ready, then answer each message until the region closes the socket.

    A recording that takes more than `PROCESSOR_SECONDS_MAX` of CPU time, or `ANSWER_SECONDS_MAX` of wall-clock time, ends the
    process, because the timers' signals have no handler. So a decoder that hangs also ends after its region was killed.
    """
    region.sendall(LENGTH.pack(0))
    while (head := _receive(region, LENGTH.size)) is not None:
        (length,) = LENGTH.unpack(head)
        if length > CONTENT_BYTES_MAX or (content := _receive(region, length)) is None:
            return
        signal.setitimer(signal.ITIMER_PROF, PROCESSOR_SECONDS_MAX)
        signal.setitimer(signal.ITIMER_REAL, ANSWER_SECONDS_MAX)
        answer = encode(inspect(content))
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        region.sendall(LENGTH.pack(len(answer)) + answer)


def _receive(region: socket.socket, length: int) -> bytes | None:
    """Receive exactly `length` bytes. None if the socket closes before."""
    content = bytearray(length)
    view, filled = memoryview(content), 0
    while filled < length:
        count = region.recv_into(view[filled:])
        if count == 0:
            return None
        filled += count
    return bytes(content)
