import pytest

from domicile.web.server.receive_buffer import ReceiveBuffer


def test_what_was_shown_is_overwritten() -> None:
    buffer, seen = ReceiveBuffer(16), list[bytes]()
    for content in (b"a prompt", b"longer prompt"):
        buffer.memory[: len(content)] = content
        buffer.lend(len(content), lambda data: seen.append(bytes(data)))
        assert bytes(buffer.memory) == bytes(16)
    assert seen == [b"a prompt", b"longer prompt"]


def test_also_when_its_reader_fails() -> None:
    buffer = ReceiveBuffer(16)
    buffer.memory[:6] = b"prompt"

    def fail(_data: memoryview) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        buffer.lend(6, fail)
    assert bytes(buffer.memory) == bytes(16)
