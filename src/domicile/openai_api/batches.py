"""Batches of requests: the calls that create and show them, the lines of their input, and those of their output."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from domicile.openai_api.closed import Closed

CUSTOM_ID_MAX = 512

MetadataKey = Annotated[str, Meta(min_length=1, max_length=64)]
MetadataValue = Annotated[str, Meta(max_length=512)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)]


class OutputExpiresAfter(Closed, frozen=True):
    """When the files that a batch makes expire: seconds after each was made, from an hour to 30 days."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3600, le=2_592_000)]


class CreateBatchRequest(Closed, frozen=True, kw_only=True):
    """The body of POST /v1/batches."""

    input_file_id: Annotated[str, Meta(min_length=1, max_length=128)]
    endpoint: Literal["/v1/chat/completions", "/v1/embeddings", "/v1/completions", "/v1/moderations"]
    completion_window: Literal["24h"]
    metadata: Metadata | None = None
    output_expires_after: OutputExpiresAfter | None = None


class BatchRequest(Closed, frozen=True, kw_only=True):
    """One line of a batch's input."""

    custom_id: Annotated[str, Meta(min_length=1, max_length=CUSTOM_ID_MAX)]
    method: Literal["POST"]
    url: str
    body: msgspec.Raw


class LineResponse(Struct, frozen=True):
    """What a line was answered, as the same request outside of a batch would have been."""

    status_code: int
    request_id: str
    body: msgspec.Raw


class LineError(Struct, frozen=True):
    """Why a line was not run."""

    code: str
    message: str


class BatchResult(Struct, frozen=True):
    """One line of an output file or an error file. Either `response` or `error` is set."""

    id: str
    custom_id: str | None
    """None where the line of the input cannot be read any more."""
    response: LineResponse | None
    error: LineError | None


class BatchError(Struct, frozen=True):
    """What is wrong with an input."""

    code: str
    message: str
    param: str | None
    line: int | None
    """Counted from 1. None for the file as a whole."""


class BatchErrors(Struct, frozen=True):
    """All that is wrong with an input, as far as it was read."""

    data: tuple[BatchError, ...]
    object: str = "list"


class RequestCounts(Struct, frozen=True):
    """How many lines there are, and how many have been answered."""

    total: int
    completed: int
    failed: int


class CachedTokens(Struct, frozen=True):
    """Of the input."""

    cached_tokens: int


class ReasoningTokens(Struct, frozen=True):
    """Of the output."""

    reasoning_tokens: int


class BatchUsage(Struct, frozen=True):
    """The tokens of all lines that have run."""

    input_tokens: int
    input_tokens_details: CachedTokens
    output_tokens: int
    output_tokens_details: ReasoningTokens
    total_tokens: int


class BatchObject(Struct, frozen=True, kw_only=True):
    """A batch as it is shown. Times are in seconds since the Unix epoch."""

    id: str
    object: str = "batch"
    endpoint: str
    model: str | None
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str = "24h"
    status: str
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    usage: BatchUsage
    metadata: dict[str, str] | None


class BatchList(Struct, frozen=True):
    """A page of batches, the newest first."""

    data: tuple[BatchObject, ...]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: str = "list"
