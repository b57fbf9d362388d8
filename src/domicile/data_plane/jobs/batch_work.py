"""The work on a batch as a whole: one worker validates it, and at its end one worker finalizes it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domicile.data_plane.jobs.batch import ATTEMPTS_MAX, Batch, BatchStatus
from domicile.data_plane.jobs.batch_leases import BatchLeases, BatchOutput, FencedError, TooManyTokensError
from domicile.data_plane.jobs.finalisation import drop_output, write_output
from domicile.data_plane.jobs.observer import JobObserver
from domicile.data_plane.jobs.pace import Pace
from domicile.data_plane.jobs.sealed_texts import SealedTexts
from domicile.data_plane.jobs.validation import FindModel, InputInvalidError, ValidInput, validate
from domicile.data_plane.storage.key_store import ProjectDestroyedError
from domicile.data_plane.storage.object_store import ObjectMissingError
from domicile.data_plane.storage.objects import Objects
from domicile.data_plane.storage.sealing import DamagedObjectError
from domicile.kernel.dependency import DependencyUnavailableError
from domicile.openai_api.batches import BatchError, BatchErrors

log = structlog.get_logger("jobs")

UNAVAILABLE = (SQLAlchemyError, DependencyUnavailableError, OSError)
"""The database, the object store or the key store is away: the same work may succeed later."""
_UNREADABLE = BatchError("input_unreadable", "The input file cannot be read any more. Upload it again.", None, None)
_UNCHECKED = BatchError(
    "input_unchecked", "The input file could not be checked. Split it, and upload it again.", None, None
)


TokensMax = Callable[[str, str], int | None]
"""The tokens that the batches of a project and model may hold together until they end. None: no limit."""


class BatchWork:
    """Claims one batch at a time. Its methods raise the database's errors of claiming only."""

    def __init__(
        self,
        leases: BatchLeases,
        objects: Objects,
        texts: SealedTexts,
        find_model: FindModel,
        pace: Pace,
        observer: JobObserver,
        tokens_max: TokensMax,
    ) -> None:
        self._leases = leases
        self._objects = objects
        self._texts = texts
        self._find_model = find_model
        self._pace = pace
        self._observer = observer
        self._tokens_max = tokens_max

    async def validate_one(self) -> bool:
        """Validate the next batch. False where none waits."""
        claimed = await self._leases.claim_validation()
        if claimed is not None:
            async with self._held(claimed, "batch_not_validated"):
                await self._validate(claimed)
        return claimed is not None

    async def finalize_one(self) -> bool:
        """Finalize the next batch whose lines have all ended. False where there is none."""
        claimed = await self._leases.claim_finalisation()
        if claimed is not None:
            async with self._held(claimed, "batch_not_finalized"):
                output = await write_output(claimed, self._leases, self._objects)
                await self._end(claimed, output)
        return claimed is not None

    async def _validate(self, claimed: Batch) -> None:
        if claimed.faulty_attempts > ATTEMPTS_MAX:
            await self._fail(claimed, _UNCHECKED)
            return
        try:
            found = await validate(claimed, self._objects, self._find_model)
        except InputInvalidError as invalid:
            await self._fail(claimed, *invalid.found)
        except (ObjectMissingError, DamagedObjectError):
            await self._fail(claimed, _UNREADABLE)
        else:
            await self._begin(claimed, found)

    async def _begin(self, claimed: Batch, found: ValidInput) -> None:
        # The lines of a batch that is cancelled meanwhile only go into its error file.
        limit = self._tokens_max(claimed.project_id, found.model) if claimed.ending is None else None
        try:
            await self._leases.validated(claimed, found.model, found.chunks, tokens=found.tokens, tokens_max=limit)
        except TooManyTokensError:
            await self._fail(claimed, _too_many_tokens(found, limit or 0))

    async def _fail(self, claimed: Batch, *errors: BatchError) -> None:
        sealed = await self._texts.seal_errors(claimed.project_id, claimed.batch_id, BatchErrors(errors))
        await self._leases.failed(claimed, sealed)
        self._observer.batch_ended(BatchStatus.FAILED)

    async def _end(self, claimed: Batch, output: BatchOutput) -> None:
        while True:
            try:
                status = await self._leases.finalized(claimed, output)
            except (FencedError, ProjectDestroyedError):
                await drop_output(output, self._objects)
                raise
            except SQLAlchemyError as error:
                # The files are written: only the commit is repeated, until it is in or fenced.
                log.warning("batch_not_ended_yet", batch=claimed.batch_id, type=type(error).__name__)
                await asyncio.sleep(self._pace.retry_s)
            else:
                log.info("batch_ended", batch=claimed.batch_id)
                self._observer.lines_ended(unrun=(claimed.total or 0) - claimed.completed - claimed.failed)
                self._observer.batch_ended(status)
                return

    @asynccontextmanager
    async def _held(self, claimed: Batch, event: str) -> AsyncIterator[None]:
        """Renews the lease within the block, and gives the batch back when the block fails. Raises nothing of it."""
        renewing = asyncio.create_task(self._renew(claimed))
        try:
            yield
        except FencedError:
            log.warning("claim_lost", batch=claimed.batch_id)
            self._observer.claim_lost()
        except UNAVAILABLE as error:
            log.warning(event, batch=claimed.batch_id, type=type(error).__name__)
            await self._give_back(claimed, delay_ms=self._pace.put_off_ms, is_fault=False)
        except Exception as error:
            # Also a defect: it must not end the process, which serves others.
            log.error(event, batch=claimed.batch_id, type=type(error).__name__)
            await self._give_back(claimed, delay_ms=self._pace.put_off_ms, is_fault=True)
        except asyncio.CancelledError:
            await self._give_back(claimed, delay_ms=0, is_fault=False)
            raise
        finally:
            renewing.cancel()

    async def _give_back(self, claimed: Batch, *, delay_ms: int, is_fault: bool) -> None:
        try:
            await self._leases.give_back(claimed, delay_ms=delay_ms, is_fault=is_fault)
        except (SQLAlchemyError, FencedError) as error:
            log.warning("not_given_back", batch=claimed.batch_id, type=type(error).__name__)

    async def _renew(self, claimed: Batch) -> None:
        while True:
            await asyncio.sleep(self._pace.renew_s)
            try:
                await self._leases.renew(claimed)
            except FencedError:
                return
            except SQLAlchemyError as error:
                log.warning("lease_not_renewed", batch=claimed.batch_id, type=type(error).__name__)


def _too_many_tokens(found: ValidInput, limit: int) -> BatchError:
    """OpenAI's words, which clients look for. A batch that alone is too large would fail again."""
    reached = f"Enqueued token limit reached for {found.model} in your project. Limit: {limit:,} enqueued tokens."
    advice = "Please try again once some in_progress batches have been completed."
    if found.tokens > limit:
        advice = f"This batch alone has {found.tokens:,}: split it."
    return BatchError("token_limit_exceeded", f"{reached} {advice}", None, None)
