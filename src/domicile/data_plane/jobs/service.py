"""Creates, shows, lists and cancels batches for a caller."""

import hashlib
from collections.abc import Callable, Sequence

import msgspec

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane import region_errors
from domicile.data_plane.files.content import readable
from domicile.data_plane.jobs.batch import Batch, BatchStatus
from domicile.data_plane.jobs.batch_files import INPUT_PURPOSE, BatchFiles, InputFile
from domicile.data_plane.jobs.batch_rows import UNFINISHED_MAX, BatchRows, InputGoneError, NewBatch, TooManyBatchesError
from domicile.data_plane.jobs.sealed_texts import SealedTexts
from domicile.data_plane.limits.spending import SpendingGate
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.policy.retention import check_zdr
from domicile.data_plane.policy.scopes import REQUEST_SCOPES, require_scope
from domicile.data_plane.policy.storing import admit_storing
from domicile.kernel import errors
from domicile.kernel.clock import seconds
from domicile.kernel.ids import is_id, new_id
from domicile.openai_api.batches import (
    BatchErrors,
    BatchList,
    BatchObject,
    BatchUsage,
    CachedTokens,
    CreateBatchRequest,
    ReasoningTokens,
    RequestCounts,
)

INPUT_BYTES_MAX = 200 * 1024 * 1024
_RETRY_AFTER_S = 600
_PREFIX = "batch_"


class BatchService:
    """What callers may do. Methods raise `DomicileError`, and the errors of the database and the key store."""

    def __init__(
        self,
        rows: BatchRows,
        files: BatchFiles,
        texts: SealedTexts,
        policy: ResidencyPolicy,
        gate: SpendingGate,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """`wake`: called when there is a new batch, so that it need not wait until a worker looks."""
        self._rows = rows
        self._files = files
        self._texts = texts
        self._policy = policy
        self._gate = gate
        self._wake = wake

    async def create(self, caller: Caller, request: CreateBatchRequest, idempotency_key: str | None) -> BatchObject:
        """Create a batch, or return the one that the same key created.

        Raises 400 for a file that cannot be an input, 401 for a key without the endpoint's scope, 403 without the agreement,
        404 for an unknown file, 409 for a key that was used for another request, and 429 when a spending limit is
        reached, or too many batches of the project have not ended.
        """
        endpoint, project_id = Endpoint(request.endpoint), caller.project.project_id
        require_scope(caller, REQUEST_SCOPES[endpoint])
        self._admit(caller, endpoint)
        body_sha256 = hashlib.sha256(msgspec.json.encode(request, order="deterministic")).digest()
        key_sha256 = None if idempotency_key is None else hashlib.sha256(idempotency_key.encode()).digest()
        earlier = await self._earlier(project_id, key_sha256, body_sha256)
        if earlier is not None:
            return await self._shown(earlier)
        self._gate.require(caller)
        file = await self._input(project_id, request.input_file_id)
        batch_id, expiry = new_id(_PREFIX), request.output_expires_after
        metadata = None
        if request.metadata is not None:
            with readable():
                metadata = await self._texts.seal_metadata(project_id, batch_id, request.metadata)
        new = NewBatch(
            batch_id=batch_id,
            project_id=project_id,
            key_id=caller.key_id,
            endpoint=endpoint,
            input_file_id=file.file_id,
            input=file.parts,
            metadata=metadata,
            output_expires_after_s=None if expiry is None else expiry.seconds,
            idempotency_sha256=key_sha256,
            body_sha256=body_sha256,
        )
        try:
            created = await self._rows.create(new)
        except InputGoneError:
            raise region_errors.input_file_not_found(request.input_file_id) from None
        except TooManyBatchesError:
            message = f"Your project has {UNFINISHED_MAX} batches that have not ended. Wait, or cancel some."
            raise region_errors.rate_limit_exceeded(message, _RETRY_AFTER_S) from None
        self._wake()
        if created.batch_id != batch_id:
            # The same request has arrived twice at once.
            created = await self._earlier(project_id, key_sha256, body_sha256) or created
        return await self._shown(created)

    async def get(self, caller: Caller, batch_id: str) -> BatchObject:
        """Raises 404."""
        # Only what may be an id reaches the database.
        found = await self._rows.find(caller.project.project_id, batch_id) if is_id(_PREFIX, batch_id) else None
        if found is None:
            raise errors.not_found("batch", batch_id)
        return await self._shown(found)

    async def list(self, caller: Caller, *, after: str | None, limit: int) -> BatchList:
        """A page. Raises 400 for an unknown `after`."""
        page = None
        if after is None or is_id(_PREFIX, after):
            page = await self._rows.page(caller.project.project_id, after=after, limit=limit + 1)
        if page is None:
            raise errors.invalid_value("'after' must be the id of a batch.", "after")
        shown = [await self._shown(each) for each in page[:limit]]
        return BatchList(tuple(shown), *_ends(shown), has_more=len(page) > limit)

    async def cancel(self, caller: Caller, batch_id: str) -> BatchObject:
        """Let no further line begin. Raises 404, and 409 for a batch whose lines have ended."""
        found = await self._rows.cancel(caller.project.project_id, batch_id) if is_id(_PREFIX, batch_id) else None
        if found is None:
            raise errors.not_found("batch", batch_id)
        if found.status is not BatchStatus.CANCELLING:
            raise region_errors.batch_not_cancellable(found.status)
        return await self._shown(found)

    def _admit(self, caller: Caller, endpoint: Endpoint) -> None:
        policy = self._policy
        admit_storing(policy, caller, Endpoint.BATCHES)
        if not policy.catalogue.eligible_models(endpoint, policy.rows):
            raise region_errors.endpoint_not_eligible(endpoint, policy.region)
        check_zdr(policy, caller, endpoint)

    async def _input(self, project_id: str, file_id: str) -> InputFile:
        file = await self._files.find(project_id, file_id)
        if file is None:
            raise region_errors.input_file_not_found(file_id)
        if file.purpose != INPUT_PURPOSE:
            message = f"The input file must have the purpose '{INPUT_PURPOSE}'. Upload it again with this purpose."
            raise errors.invalid_value(message, "input_file_id")
        if sum(part.size_bytes for part in file.parts) > INPUT_BYTES_MAX:
            message = f"An input file may have at most {INPUT_BYTES_MAX} bytes. Send several batches."
            raise errors.invalid_value(message, "input_file_id")
        return file

    async def _earlier(self, project_id: str, key_sha256: bytes | None, body_sha256: bytes) -> Batch | None:
        """The batch that the same request created under this key. Raises 409 for another request."""
        found = None if key_sha256 is None else await self._rows.by_idempotency(project_id, key_sha256)
        if found is None:
            return None
        earlier, earlier_sha256 = found
        if earlier_sha256 != body_sha256:
            raise region_errors.idempotency_key_reused()
        return earlier

    async def _shown(self, batch: Batch) -> BatchObject:
        broken: BatchErrors | None = None
        metadata: dict[str, str] | None = None
        with readable():
            if batch.errors is not None:
                broken = await self._texts.open_errors(batch.project_id, batch.batch_id, batch.errors)
            if batch.metadata is not None:
                metadata = await self._texts.open_metadata(batch.project_id, batch.batch_id, batch.metadata)
        return _object(batch, broken, metadata)


def _object(batch: Batch, broken: BatchErrors | None, metadata: dict[str, str] | None) -> BatchObject:
    usage = batch.usage
    return BatchObject(
        id=batch.batch_id,
        endpoint=batch.endpoint,
        model=batch.model,
        errors=broken,
        input_file_id=batch.input_file_id,
        status=batch.status,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        created_at=seconds(batch.created_at_ms),
        in_progress_at=_seconds(batch.in_progress_at_ms),
        expires_at=seconds(batch.expires_at_ms),
        finalizing_at=_seconds(batch.finalizing_at_ms),
        completed_at=_seconds(batch.completed_at_ms),
        failed_at=_seconds(batch.failed_at_ms),
        expired_at=_seconds(batch.expired_at_ms),
        cancelling_at=_seconds(batch.cancelling_at_ms),
        cancelled_at=_seconds(batch.cancelled_at_ms),
        request_counts=RequestCounts(batch.total or 0, batch.completed, batch.failed),
        usage=BatchUsage(
            usage.input_tokens,
            CachedTokens(usage.input_cached_tokens),
            usage.output_tokens,
            ReasoningTokens(usage.output_reasoning_tokens),
            usage.input_tokens + usage.output_tokens,
        ),
        metadata=metadata,
    )


def _seconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else seconds(milliseconds)


def _ends(shown: Sequence[BatchObject]) -> tuple[str | None, str | None]:
    return (shown[0].id, shown[-1].id) if shown else (None, None)
