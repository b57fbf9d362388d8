import itertools
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.web.bodies.form_parser import FilePiece, FileStart, Form, FormParser, TextField, read_form
from domicile.web.bodies.multipart import (
    FIELD_BYTES_MAX,
    OVERHEAD_BYTES_MAX,
    PARTS_MAX,
    FormError,
    UnknownFieldError,
    write_form,
)

TYPE = "multipart/form-data; boundary=b"
FILE = frozenset({"file"})


def part(head: str, content: bytes) -> bytes:
    return b"--b\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


def named(name: str, content: bytes = b"x") -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', content)


def test_what_is_written_is_read_again() -> None:
    content = bytes(range(256)) * 300 + b"\r\n--b--\r\n"
    body, content_type = write_form([("model", "m"), ("list[]", "a"), ("list[]", "ü")], [("file", content)])
    assert read_form(body, content_type, files=FILE) == Form({"model": ["m"], "list[]": ["a", "ü"]}, {"file": content})


def test_a_file_is_a_file_by_its_field_whatever_the_client_calls_it() -> None:
    """A client's name for a file may be content: a form in memory does not keep it, nor its type."""
    secret = 'Content-Disposition: form-data; name="file"; filename="patient.mp3"\r\nContent-Type: audio/secret'
    read = read_form(form(part(secret, b"1"), named("model")), TYPE, files=FILE)
    assert read == Form({"model": ["x"]}, {"file": b"1"})
    assert read_form(form(named("file", b"2")), TYPE, files=FILE).files == {"file": b"2"}


@pytest.mark.parametrize(
    ("sent", "filename"),
    [
        (b"", ""),
        (b'; filename="a b.jsonl"', "a b.jsonl"),
        ('; filename="größe.txt"'.encode(), "größe.txt"),
        (b'; filename="a%22b\\"c"', 'a"b"c'),
        (b'; filename="gr\xf6\xdfe.txt"', "gr\ufffd\ufffde.txt"),
    ],
)
def test_the_clients_name_of_a_file(sent: bytes, filename: str) -> None:
    body = form(b'--b\r\nContent-Disposition: form-data; name="file"' + sent + b"\r\n\r\n1\r\n")
    assert next(FormParser(TYPE, files=FILE).feed(body)) == FileStart("file", filename)


@pytest.mark.parametrize(
    ("body", "content_type", "param"),
    [
        (b"", TYPE, None),
        (b"no form at all", TYPE, None),
        (form(named("model"))[:-6], TYPE, None),
        (named("model"), TYPE, None),
        (form(part("Content-Disposition: form-data", b"")), TYPE, None),
        (form(part('Content-Disposition: attachment; name="x"', b"")), TYPE, None),
        (
            form(part('Content-Disposition: form-data; name="file"\r\nContent-Transfer-Encoding: base64', b"")),
            TYPE,
            None,
        ),
        (form(named("model", b"\xff")), TYPE, "model"),
        (form(named("model", b"x" * (FIELD_BYTES_MAX + 1))), TYPE, "model"),
        (form(named("file"), named("file")), TYPE, "file"),
        (form(*[named("model")] * (PARTS_MAX + 1)), TYPE, None),
        (form(named("model")), "multipart/form-data", None),
        (form(named("model")), "multipart/form-data; boundary=" + "b" * 80, None),
        (form(named("model")), "application/json", None),
        # Reading it took time by the square of its length.
        (form(named("model")), 'multipart/form-data; x="' + ";" * 60_000 + '"; boundary=b', None),
        (form(part("X: " + "y" * 20_000, b"")), TYPE, None),
    ],
)
def test_a_damaged_or_oversized_form_is_an_error(
    body: bytes, content_type: str, param: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(FormError) as caught:
        read_form(body, content_type, files=FILE)
    assert caught.value.param == param
    assert str(caught.value) == "invalid form"
    assert not caplog.records


@pytest.mark.parametrize("before", [b"", b"\r\n", b"This is a form.\r\n", b"-- \r\n\r\n--a\r\n"])
@pytest.mark.parametrize("after", [b"", b"\r\n", b"That was it.", b"--b\r\nmore\r\n--b--\r\n"])
def test_what_stands_before_the_first_and_behind_the_last_boundary_is_ignored(before: bytes, after: bytes) -> None:
    body = before + form(named("model"), named("file", b"2")) + after
    assert read_form(body, TYPE, files=FILE) == Form({"model": ["x"]}, {"file": b"2"})


@pytest.mark.parametrize("content", [b"text", b"\xff\xfe", b"x" * (FIELD_BYTES_MAX + 1)])
def test_a_field_that_nobody_knows_is_named_whatever_it_holds(content: bytes) -> None:
    body = form(named("model"), named("audio", content))
    with pytest.raises(UnknownFieldError) as caught:
        read_form(body, TYPE, files=FILE, texts=frozenset({"model"}))
    assert caught.value.param == "audio"
    with pytest.raises(UnknownFieldError) as caught:
        read_form(form(named("n" * 1000)), TYPE, files=FILE, texts=frozenset({"model"}))
    assert caught.value.param == "n" * 64


def test_a_list_is_known_by_its_name() -> None:
    read = read_form(form(named("words[]"), named("words[]")), TYPE, files=FILE, texts=frozenset({"words"}))
    assert read.fields == {"words[]": ["x", "x"]}


def collected(chunks: list[bytes]) -> Form | tuple[type[FormError], str | None]:
    """The form that arrives in these chunks, or its error."""
    parser = FormParser(TYPE, files=FILE, texts=frozenset({"model"}))
    fields: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    try:
        for item in itertools.chain.from_iterable(map(parser.feed, chunks)):
            match item:
                case TextField(name, value):
                    fields.setdefault(name, []).append(value)
                case FileStart(name):
                    files[name] = b""
                case FilePiece(data):
                    files["file"] += data
        parser.finish()
    except FormError as error:
        return type(error), error.param
    return Form(fields, files)


# Bounds are checked once a slice of 64 KiB.
TOO_MUCH = OVERHEAD_BYTES_MAX + 64 * 1024
# Bytes that look like the beginning, the end or a neighbour of a boundary.
LIKE_BOUNDARIES = st.lists(
    st.sampled_from([b"--b", b"\r\n", b"\r\n--b", b"\r\n--bX", b"--", b"-", b"\r", b"\n", b"b", b"\0text", b"\xff"]),
    max_size=12,
).map(b"".join)


@given(
    before=LIKE_BOUNDARIES,
    file=LIKE_BOUNDARIES,
    text=LIKE_BOUNDARIES,
    after=LIKE_BOUNDARIES,
    name=st.sampled_from(["model", "file", "other"]),
    cuts=st.lists(st.integers(0, 300), max_size=20),
)
def test_any_division_into_chunks_reads_the_same(
    before: bytes, file: bytes, text: bytes, after: bytes, name: str, cuts: list[int]
) -> None:
    body = before + b"\r\n" + form(named("file", file), named(name, text)) + after
    whole = collected([body])
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    assert collected([body[start:end] for start, end in itertools.pairwise(edges)]) == whole
    assert collected([body[at : at + 1] for at in range(len(body))]) == whole


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"x" * TOO_MUCH + b"\r\n" + form(named("model")), id="preamble"),
        pytest.param(b"--b" + b" " * TOO_MUCH + b"\r\n" + form(named("model")), id="first boundary"),
        pytest.param(form(named("file") + b"--b" + b" " * TOO_MUCH + b"\r\n" + named("model")), id="boundary"),
        pytest.param(form(*[named("model", b"x" * FIELD_BYTES_MAX)] * 17), id="fields"),
        pytest.param(form(named("file", b"\r\n--bX" * (PARTS_MAX + 2))), id="boundaries in a file"),
    ],
)
def test_all_but_the_content_of_a_file_is_bounded(body: bytes) -> None:
    """The parser reads these byte by byte in Python, at 7 to 11 MB/s. It reads a file at gigabytes per second."""
    with pytest.raises(FormError):
        read_form(body, TYPE, files=FILE)
