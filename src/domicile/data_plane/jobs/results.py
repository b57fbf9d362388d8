"""What comes of the lines of a batch, as lines of its output file and its error file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from domicile.boundary.usage import Usage
from domicile.data_plane.jobs.batch import Ending
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.openai_api.batches import BatchRequest, BatchResult, LineError, LineResponse

_REQUEST = msgspec.json.Decoder(BatchRequest)


class Loss(StrEnum):
    """Why a line has no result, other than the end of its batch."""

    ENDED_THE_WORKER = "request_failed"
    OF_THE_RESULT = "result_unreadable"
    OF_THE_REQUEST = "input_unreadable"


_WHY: dict[Ending | Loss, LineError] = {
    Ending.EXPIRED: LineError(
        "batch_expired", "This request could not be executed before the completion window expired."
    ),
    Ending.CANCELLED: LineError("batch_cancelled", "This request was not executed because the batch was cancelled."),
    Loss.ENDED_THE_WORKER: LineError(
        Loss.ENDED_THE_WORKER,
        "This request, or one beside it, ended the platform's worker each time that it was tried. Send it again alone.",
    ),
    Loss.OF_THE_RESULT: LineError(
        Loss.OF_THE_RESULT, "The result of this request was stored and cannot be read any more. Send it again."
    ),
    Loss.OF_THE_REQUEST: LineError(
        Loss.OF_THE_REQUEST, "The input file cannot be read any more at this line. Upload it and send the line again."
    ),
}


@dataclass(frozen=True, slots=True)
class LineReply:
    """What an endpoint answered to a line."""

    status_code: int
    request_id: str
    body: bytes
    """JSON."""
    entries: tuple[LedgerEntry, ...] = ()
    """The usage, which is counted when the line's result is committed."""

    @property
    def is_success(self) -> bool:
        """Whether the line belongs into the output file."""
        return self.status_code < 400


@dataclass(frozen=True, slots=True)
class LineResult:
    """One line of a file, with the newline."""

    record: bytes
    is_success: bool
    entries: tuple[LedgerEntry, ...] = ()


def line_id(batch_id: str, line: int) -> str:
    """The id of a line's result, the same however often the line runs. The ledger knows the line's usage by it."""
    return "batch_req_" + hashlib.sha256(f"{batch_id}\n{line}".encode("ascii")).hexdigest()[:24]


def read_request(text: bytes) -> BatchRequest:
    """A line that has passed validation."""
    return _REQUEST.decode(text)


def answered(batch_id: str, line: int, request: BatchRequest, reply: LineReply) -> LineResult:
    """The result of a line that was answered."""
    response = LineResponse(reply.status_code, reply.request_id, msgspec.Raw(reply.body))
    record = BatchResult(line_id(batch_id, line), request.custom_id, response, None)
    return LineResult(_encoded(record), reply.is_success, reply.entries)


def unrun(batch_id: str, line: int, custom_id: str | None, why: Ending | Loss) -> LineResult:
    """The result of a line that never ran, or whose result is lost. `custom_id`: None where it cannot be read any more."""
    return LineResult(_encoded(BatchResult(line_id(batch_id, line), custom_id, None, _WHY[why])), False)


def usage_of(entries: Sequence[LedgerEntry]) -> Usage:
    """The sum of the usage of all entries."""
    return sum((entry.usage for entry in entries), start=Usage())


def _encoded(record: BatchResult) -> bytes:
    return msgspec.json.encode(record) + b"\n"
