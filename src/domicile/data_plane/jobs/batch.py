"""A batch, its chunks and their states. None of these values holds a customer's text that is not sealed."""

from dataclasses import dataclass
from enum import StrEnum

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.storage.objects import StoredObject

LEASE_MS = 30_000
"""How long a claim lasts without renewal: three renewals, and longer than a restart of the database takes."""
ATTEMPTS_MAX = 20
"""How often a chunk is begun. Lines that end every worker that runs them end in the error file."""
WINDOW_MS = 24 * 60 * 60 * 1000
"""The only completion window of the API."""


class BatchStatus(StrEnum):
    """The statuses of OpenAI's API."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the batch has ended."""
        return self in {BatchStatus.FAILED, BatchStatus.COMPLETED, BatchStatus.EXPIRED, BatchStatus.CANCELLED}


class Ending(StrEnum):
    """Why no further line of a batch begins."""

    CANCELLED = "cancelled"
    EXPIRED = "expired"


class ChunkStatus(StrEnum):
    """Where a chunk is in its life. Lines of a chunk that is skipped or abandoned end in the error file."""

    QUEUED = "queued"
    RUNNING = "running"
    """Under a lease. Once that is over, another worker may claim it."""
    DONE = "done"
    SKIPPED = "skipped"
    """The batch was cancelled or expired before it ran."""
    ABANDONED = "abandoned"
    """Begun `ATTEMPTS_MAX` times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as its row says. Times are in milliseconds since the Unix epoch."""

    batch_id: str
    project_id: str
    key_id: str
    """The key that created it, to which its usage is counted."""
    endpoint: Endpoint
    model: str | None
    """The snapshot that all lines use. None until the input is validated."""
    status: BatchStatus
    ending: Ending | None
    input_file_id: str
    input: tuple[StoredObject, ...]
    """The bytes of the input, one object after the other. The batch holds them, also when the file is deleted."""
    output_file_id: str | None
    error_file_id: str | None
    output_expires_after_s: int | None
    created_at_ms: int
    expires_at_ms: int
    in_progress_at_ms: int | None
    finalizing_at_ms: int | None
    completed_at_ms: int | None
    failed_at_ms: int | None
    expired_at_ms: int | None
    cancelling_at_ms: int | None
    cancelled_at_ms: int | None
    total: int | None
    """The number of lines. None until the input is validated."""
    completed: int
    failed: int
    usage: Usage
    attempt: int
    """The number of the claim under which it is validated or finalized."""
    put_off: int
    """Earlier claims that were no fault of the batch: a store or a key was away, or the worker stopped."""
    errors: bytes | None
    """Why validation failed, sealed."""
    metadata: bytes | None
    """The customer's, sealed."""

    @property
    def faulty_attempts(self) -> int:
        """Claims that count towards `ATTEMPTS_MAX`, this one too."""
        return self.attempt - self.put_off

    @property
    def input_object_ids(self) -> list[str]:
        """The objects that the batch holds."""
        return [part.object_id for part in self.input]


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """A chunk as validation lays it: consecutive lines, by their place in the input."""

    byte_offset: int
    byte_length: int
    first_line: int
    """Counted from 1. Blank lines count."""
    lines: int
    """Without blank ones."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A chunk's number and the number of the claim: what fences the results of an earlier claim off."""

    batch_id: str
    number: int
    attempt: int


@dataclass(frozen=True, slots=True)
class ClaimedChunk:
    """A chunk to run under a lease, and its batch as it was when the chunk was claimed."""

    claim: Claim
    plan: ChunkPlan
    batch: Batch


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What came of a chunk, to be committed once."""

    stored: StoredObject
    """The lines of the output file, then those of the error file."""
    output_bytes: int
    error_bytes: int
    completed: int
    failed: int
    usage: Usage
    entries: tuple[LedgerEntry, ...]


@dataclass(frozen=True, slots=True)
class FinishedChunk:
    """A chunk as it goes into the files of its batch."""

    number: int
    plan: ChunkPlan
    status: ChunkStatus
    stored: StoredObject | None
    """None unless it is done."""
    output_bytes: int
    error_bytes: int
