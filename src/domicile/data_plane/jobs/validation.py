"""Checks the input of a batch before any line runs, in one pass, and lays its chunks.

The codes of errors are those of OpenAI's and Azure's batches where they are known.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

import msgspec

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.inference.adapter import estimated_tokens
from domicile.data_plane.jobs.batch import Batch, ChunkPlan
from domicile.data_plane.jobs.input_content import read_input
from domicile.data_plane.jobs.input_lines import InputLine, LineSplitter
from domicile.data_plane.storage.objects import Objects
from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile.openai_api.batches import BatchError, BatchRequest
from domicile.process.off_loop import off_loop
from domicile.web.bodies.body_limits import KIB, body_limit
from domicile.web.bodies.json_body import converted, parse_json

LINES_MAX = 50_000
EMBEDDING_INPUTS_MAX = 50_000
ERRORS_MAX = 100
CHUNK_LINES = 25
"""100 lines gave the same rate, and 69 instead of 20 repeated calls when a worker was killed."""
CHUNK_BYTES = 4 * 1024 * 1024
"""Bounds the memory of a worker. A longer line is a chunk of its own."""
_AROUND_THE_BODY = 64 * KIB

ModelName = str
FindModel = Callable[[Endpoint, str], ModelName]
"""The snapshot of a name, if the region runs it in batches of the endpoint. Raises `DomicileError` otherwise."""


@dataclass(frozen=True, slots=True)
class ValidInput:
    """What a batch runs."""

    model: ModelName
    chunks: tuple[ChunkPlan, ...]
    tokens: int
    """Of all inputs, estimated as for interactive requests."""


class InputInvalidError(Exception):
    """The input is broken."""

    def __init__(self, found: tuple[BatchError, ...]) -> None:
        super().__init__()
        self.found = found


class InputValidator:
    """Takes the input piece by piece. Holds the chunks, the errors and a hash of each `custom_id`."""

    def __init__(self, endpoint: Endpoint, find_model: FindModel) -> None:
        self._endpoint = endpoint
        self._find_model = find_model
        self._splitter = LineSplitter(line_bytes_max=body_limit(endpoint) + _AROUND_THE_BODY)
        self._ids: set[bytes] = set()
        self._model: ModelName | None = None
        self._names: dict[str, ModelName] = {}
        self._errors: list[BatchError] = []
        self._chunks: list[ChunkPlan] = []
        self._lines = 0
        self._inputs = 0
        self._tokens = 0

    @property
    def has_seen_enough(self) -> bool:
        """Whether the rest of the input cannot change the outcome."""
        return len(self._errors) >= ERRORS_MAX or self._lines > LINES_MAX

    def feed(self, piece: bytes) -> None:
        """Check the lines that end in this piece."""
        for line in self._splitter.feed(piece):
            if self.has_seen_enough:
                return
            self._line(line)

    def end(self) -> ValidInput:
        """What the batch runs. Raises `InputInvalidError`."""
        if not self.has_seen_enough:
            for line in self._splitter.end():
                self._line(line)
        if self._lines == 0:
            self._add(None, _problem("empty_file", "The input file has no requests."))
        if self._errors or self._model is None:
            raise InputInvalidError(tuple(self._errors[:ERRORS_MAX]))
        return ValidInput(self._model, tuple(self._chunks), self._tokens)

    def _line(self, line: InputLine) -> None:
        self._lines += 1
        if self._lines > LINES_MAX:
            self._add(
                line.number,
                _problem("too_many_tasks", f"A batch has at most {LINES_MAX} requests. Send several batches."),
            )
            return
        try:
            self._check(line)
        except DomicileError as error:
            self._add(line.number, error)
        self._lay(line)

    def _check(self, line: InputLine) -> None:
        if line.text is None:
            limit = body_limit(self._endpoint)
            raise _problem("request_too_large", f"The body of a request may have at most {limit} bytes here.")
        value = _parsed(line.text)
        body = value.get("body") if isinstance(value, dict) else None
        if isinstance(value, dict):
            if "body" in value and not isinstance(body, dict):
                raise errors.invalid_type("Invalid value for 'body': expected object.", "body")
            # Checked as what it is to the endpoint when the line runs.
            value = value | ({"body": msgspec.Raw(b"{}")} if "body" in value else {})
        request = converted(value, BatchRequest)
        self._check_id(request.custom_id)
        if request.url != self._endpoint:
            message = f"The 'url' of every request must be the endpoint of the batch, '{self._endpoint}'."
            raise _problem("url_mismatch", message, "url")
        self._check_model(body or {})
        self._count_inputs(body or {})
        self._tokens += estimated_tokens(len(msgspec.json.encode(body)) - _media_bytes(body or {}))

    def _check_id(self, custom_id: str) -> None:
        digest = hashlib.blake2b(custom_id.encode("utf-8"), digest_size=16).digest()
        if digest in self._ids:
            message = "An earlier line has the same 'custom_id'. Each request needs one of its own."
            raise _problem("duplicate_custom_id", message, "custom_id")
        self._ids.add(digest)

    def _check_model(self, body: dict[str, object]) -> None:
        name = body.get("model")
        if name is None:
            raise errors.missing_parameter("body.model")
        if not isinstance(name, str):
            raise errors.invalid_type("Invalid value for 'body.model': expected string.", "body.model")
        if name not in self._names:
            if len(self._names) >= ERRORS_MAX:
                raise _model_mismatch()
            self._names[name] = self._found(name)
        model = self._names[name]
        self._model = self._model or model
        if model != self._model:
            raise _model_mismatch()

    def _found(self, name: str) -> ModelName:
        try:
            return self._find_model(self._endpoint, name)
        except DomicileError as error:
            raise _problem(error.code or "model_not_found", error.message, "body.model") from None

    def _count_inputs(self, body: dict[str, object]) -> None:
        if self._endpoint is not Endpoint.EMBEDDINGS:
            return
        given = body.get("input")
        # A list of integers is one input, of tokens.
        is_several = isinstance(given, list) and bool(given) and not isinstance(given[0], int)
        self._inputs += len(given) if is_several and isinstance(given, list) else 1
        if self._inputs > EMBEDDING_INPUTS_MAX:
            message = (
                f"The requests of a batch have at most {EMBEDDING_INPUTS_MAX} inputs together. Send several batches."
            )
            raise _problem("too_many_inputs", message, "body.input")

    def _lay(self, line: InputLine) -> None:
        """Put the line into the last chunk, or begin the next one."""
        if self._chunks:
            last = self._chunks[-1]
            if last.lines < CHUNK_LINES and line.end - last.byte_offset <= CHUNK_BYTES:
                length = line.end - last.byte_offset
                self._chunks[-1] = ChunkPlan(last.byte_offset, length, last.first_line, last.lines + 1)
                return
        self._chunks.append(ChunkPlan(line.offset, line.end - line.offset, line.number, 1))

    def _add(self, line: int | None, error: DomicileError) -> None:
        self._errors.append(BatchError(error.code or "invalid_request", error.message, error.param, line))


async def validate(batch: Batch, objects: Objects, find_model: FindModel) -> ValidInput:
    """What the batch runs. Raises `InputInvalidError`, and the errors of `Objects.read`."""
    validator = InputValidator(batch.endpoint, find_model)
    size = sum(part.size_bytes for part in batch.input)
    async with aclosing(read_input(objects, batch, 0, size)) as pieces:
        async for piece in pieces:
            await off_loop(partial(validator.feed, piece), len(piece), batch.project_id)
            if validator.has_seen_enough:
                break
    return validator.end()


def _media_bytes(body: dict[str, object]) -> int:
    """The bytes of images and recordings in chat messages: only an engine can count their tokens."""
    found = 0
    for message in _objects(body.get("messages")):
        for part in _objects(message.get("content")):
            for name, member in (("image_url", "url"), ("input_audio", "data")):
                media = part.get(name)
                value = media.get(member) if isinstance(media, dict) else None
                found += len(value) if isinstance(value, str) else 0
    return found


def _objects(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def _parsed(text: bytes) -> object:
    try:
        return parse_json(text)
    except DomicileError as error:
        raise _problem(
            "invalid_json_line", error.message.replace("JSON body of your request", "line as JSON")
        ) from None


def _problem(code: str, message: str, param: str | None = None) -> DomicileError:
    return errors.invalid_request(message, param=param, code=code)


def _model_mismatch() -> DomicileError:
    return _problem("model_mismatch", "All requests of a batch use one model. Send one batch for each.", "body.model")
