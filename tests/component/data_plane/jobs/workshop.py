"""Everything that a worker of batches needs, on a given database."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.files import repository
from domicile.data_plane.files.record import new_record
from domicile.data_plane.jobs.batch import LEASE_MS, Batch
from domicile.data_plane.jobs.batch_files import INPUT_PURPOSE, BatchFiles, InputFile
from domicile.data_plane.jobs.batch_leases import BatchLeases
from domicile.data_plane.jobs.batch_rows import BatchRows, NewBatch
from domicile.data_plane.jobs.batch_work import BatchWork
from domicile.data_plane.jobs.chunk_queue import ChunkQueue
from domicile.data_plane.jobs.line import RunLine
from domicile.data_plane.jobs.observer import JobObserver
from domicile.data_plane.jobs.pace import Pace
from domicile.data_plane.jobs.results import LineReply, line_id
from domicile.data_plane.jobs.sealed_texts import SealedTexts
from domicile.data_plane.jobs.usage import MeteredUsage
from domicile.data_plane.jobs.worker import UsageLedger, Worker
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.data_plane.storage.key_store import FolderKeyStore
from domicile.data_plane.storage.object_store import LocalObjectStore
from domicile.data_plane.storage.object_stores import OwnStoreOnly
from domicile.data_plane.storage.objects import Objects
from domicile.data_plane.storage.project_keys import ProjectKeys
from domicile.data_plane.storage.region_key import HeldRegionKeys
from domicile.kernel import errors
from domicile.kernel.clock import Clock, SystemClock
from domicile.kernel.ids import new_id
from domicile.openai_api.batches import BatchRequest
from domicile.persistence.database import Database
from tests.unit.data_plane.metering.entries import ledger_entry
from tests.unit.data_plane.region_parts import KEY_ID, PROJECT

MODEL = "gpt-4o-2024-08-06"
QUICK = Pace(idle_s=0.05, renew_s=0.3, endings_s=0.05, watch_s=0.1, retry_s=0.05, put_off_ms=200)
REGION_KEY = bytes(range(32))


class Files(BatchFiles):
    """What callers do with files, beside what batches do."""

    async def upload(self, project_id: str, content: bytes) -> InputFile:
        writer = await self._objects.write(project_id)
        await writer.write(content)
        stored = await writer.close()
        record = new_record(
            await self._keys.of(project_id),
            name="input.jsonl",
            purpose=INPUT_PURPOSE,
            size_bytes=len(content),
            lifetime_s=None,
            now_ms=self._clock.now_ms(),
        )
        async with self._database.transaction() as connection:
            await self._objects.keep(connection, stored)
            await repository.insert_file(connection, record, [stored])
        return InputFile(record.file_id, INPUT_PURPOSE, (stored,))

    async def delete(self, file: InputFile) -> None:
        async with self._database.transaction() as connection:
            await self._objects.release(connection, await repository.delete_files(connection, [file.file_id]))

    async def content(self, project_id: str, file_id: str | None) -> list[Any]:
        """The records of a file; none where there is no file."""
        if file_id is None:
            return []
        file = await self.find(project_id, file_id)
        assert file is not None
        assert file.purpose == "batch_output"
        whole = b"".join([piece async for piece in self._objects.read(file.parts[0])])
        return [json.loads(line) for line in whole.splitlines()]


@dataclass
class ScriptedLines:
    """Answers lines as their bodies say: `"do"` is `fail`, `raise`, or nothing; `"wait_s"` is how long it takes."""

    calls: Path
    """Each call writes a line here, which a kill cannot take back."""
    wait_s: float = 0.0
    answers: int | None = None
    """After so many begun lines each further one waits for ever."""
    running: int = 0
    running_most: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event | None = None
    """Each line waits until it is set."""

    async def run(self, request: BatchRequest, batch: Batch, line: int) -> LineReply:
        body = json.loads(bytes(request.body))
        descriptor = os.open(self.calls, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"{batch.batch_id} {line}\n".encode())
        os.close(descriptor)
        self.running += 1
        self.running_most = max(self.running_most, self.running)
        self.begun.set()
        try:
            if self.hold is not None:
                await self.hold.wait()
            if self.answers is not None:
                self.answers -= 1
                if self.answers < 0:
                    await asyncio.Event().wait()
            await asyncio.sleep(body.get("wait_s", self.wait_s))
        finally:
            self.running -= 1
        if body.get("do") == "raise":
            raise RuntimeError("a defect")
        if body.get("do") == "fail":
            error = {"error": {"message": "no", "type": "x", "param": None, "code": "bad"}}
            return LineReply(400, f"req_{line}", json.dumps(error).encode())
        entry = ledger_entry(
            line_id(batch.batch_id, line), project_id=batch.project_id, usage=Usage(3, 1, 2, 1), batch=True
        )
        return LineReply(200, f"req_{line}", json.dumps({"echo": request.custom_id}).encode(), (entry,))

    def calls_made(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


def a_line(number: int, **body: Any) -> bytes:
    request = {"custom_id": f"line-{number}", "method": "POST", "url": "/v1/chat/completions"}
    return json.dumps({**request, "body": {"model": MODEL, "messages": [], **body}}).encode() + b"\n"


def lines(count: int, **body: Any) -> bytes:
    return b"".join(a_line(number, **body) for number in range(1, count + 1))


@dataclass
class Workshop:
    """The parts of one worker, and of the service that creates batches."""

    folder: Path
    database: Database
    metering: Database
    meter: Meter
    stores: OwnStoreOnly
    objects: Objects
    keys: ProjectKeys
    files: Files
    rows: BatchRows
    queue: ChunkQueue
    leases: BatchLeases
    texts: SealedTexts
    queue_tokens_max: int | None = None
    """What the batches of a project may hold together until they end."""

    def runner(self, **members: Any) -> ScriptedLines:
        return ScriptedLines(self.folder / "calls", **members)

    def worker(
        self,
        runner: RunLine,
        *,
        lines_at_once: int = 16,
        pace: Pace = QUICK,
        archived: Sequence[str] = (),
        ledger: UsageLedger | None = None,
        observer: JobObserver | None = None,
    ) -> Worker:
        observer = observer or JobObserver()
        limit = self.queue_tokens_max
        return Worker(
            queue=self.queue,
            rows=self.rows,
            work=BatchWork(self.leases, self.objects, self.texts, find_model, pace, observer, lambda *_: limit),
            objects=self.objects,
            runner=runner,
            ledger=ledger or MeteredUsage(self.meter),
            is_archived=lambda project_id: project_id in archived,
            lines_at_once=lines_at_once,
            observer=observer,
            pace=pace,
        )

    @asynccontextmanager
    async def working(self, runner: RunLine, **members: Any) -> AsyncIterator[Worker]:
        """A worker while the block runs."""
        worker = self.worker(runner, **members)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def batch(self, content: bytes, *, project_id: str = PROJECT, **members: Any) -> Batch:
        """A new batch of this input."""
        file = await self.files.upload(project_id, content)
        return await self.rows.create(
            NewBatch(
                batch_id=new_id("batch_"),
                project_id=project_id,
                key_id=KEY_ID,
                endpoint=Endpoint.CHAT_COMPLETIONS,
                input_file_id=file.file_id,
                input=file.parts,
                **members,
            )
        )

    async def now(self, batch: Batch) -> Batch:
        found = await self.rows.find(batch.project_id, batch.batch_id)
        assert found is not None
        return found

    async def ended(self, batch: Batch, *, within_s: float = 90.0) -> Batch:
        """The batch, once it has ended."""
        async with asyncio.timeout(within_s):
            while not (found := await self.now(batch)).status.is_final:
                await asyncio.sleep(0.02)
        return found

    async def results(self, batch: Batch) -> tuple[list[Any], list[Any]]:
        """The records of the output file and of the error file."""
        found = await self.now(batch)
        return (
            await self.files.content(batch.project_id, found.output_file_id),
            await self.files.content(batch.project_id, found.error_file_id),
        )


def find_model(_endpoint: Endpoint, name: str) -> str:
    if name != MODEL:
        raise errors.invalid_request("No such model.", code="model_not_found", param="model")
    return name


@asynccontextmanager
async def workshop(
    folder: Path, database: Database, metering: Database, *, clock: Clock | None = None, lease_ms: int = LEASE_MS
) -> AsyncIterator[Workshop]:
    """On databases that have their tables. Objects and keys lie in the folder."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        keys = ProjectKeys(FolderKeyStore(folder / "keys"), HeldRegionKeys([REGION_KEY]), clock)
        stores = OwnStoreOnly(LocalObjectStore(folder / "objects"))
        objects = Objects(stores, keys, database, clock)
        files = Files(database, objects, keys, clock)
        meter = Meter(
            MeteringRepository(metering),
            CurrentSnapshot(),
            region="eu",
            writer=new_id("wr_"),
            clock=clock,
            durable=True,
        )
        await meter.start()
        metering_now = asyncio.create_task(meter.run())

        async def stop() -> None:
            meter.stop()
            await metering_now

        stack.push_async_callback(stop)
        yield Workshop(
            folder=folder,
            database=database,
            metering=metering,
            meter=meter,
            stores=stores,
            objects=objects,
            keys=keys,
            files=files,
            rows=BatchRows(database, objects, clock),
            queue=ChunkQueue(database, objects, clock, lease_ms=lease_ms),
            leases=BatchLeases(database, objects, files, clock, lease_ms=lease_ms),
            texts=SealedTexts(keys),
        )
