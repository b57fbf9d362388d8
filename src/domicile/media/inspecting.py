"""What runs inside the inspector: recordings in, inspections out, one after the other."""

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
    """Never raises: what a decoder cannot take is no recording."""
    try:
        return Inspection(milliseconds=round(seconds_of(content) * 1000))
    except TooLongError:
        return Inspection(refusal="too_long")
    except Exception:  # whatever the binding makes of it, memory that was refused included
        return Inspection(refusal="not_sound")


def warm_up() -> None:
    """Read one recording, so that what is imported or opened on the first use is there."""
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

    A recording that takes more than `PROCESSOR_SECONDS_MAX`, or `ANSWER_SECONDS_MAX` by the clock, ends the process: the
    timers' signals are not handled. So a decoder that hangs does not outlive a region that was killed.
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
    """Exactly so many bytes; None when the socket was closed before."""
    content = bytearray(length)
    view, filled = memoryview(content), 0
    while filled < length:
        count = region.recv_into(view[filled:])
        if count == 0:
            return None
        filled += count
    return bytes(content)
