"""What grows with keys, with active keys and with the size of a body, in processor time: a busy machine changes it little."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

from bench.many_keys import measure
from domicile.boundary.usage import ServiceTier, Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.metering import repository
from domicile.data_plane.metering.entry import CountedBy, LedgerEntry, Outcome
from domicile.kernel.ids import new_id
from domicile.persistence.database import Database, sqlite_url
from domicile.persistence.migration import migrate
from domicile.web.bodies.json_body import MAX_VALUES, parse_json

KEYS = (1_000, 100_000)
ACTIVE_KEYS = (250, 1_000, 10_000)
REQUESTS = 10_000
BODY_BYTES = (1_000, 10_000, 100_000, 1_000_000)
BYTES_OF_A_MESSAGE = 250
_MIGRATIONS = Path(repository.__file__).parent.parent / "migrations" / "metering"
_TEXT = "Lorem ipsum, dolor: sit amet [x] consectetur adipiscing elit. "


def growth(folder: Path) -> None:
    """Prints all figures. `folder` is empty."""
    print("\nKeys: what publishing and changing them costs, in ms")
    for keys in KEYS:
        print(asyncio.run(measure(keys)))
    print(f"\nActive keys: {REQUESTS} requests into the ledger, and their reports into the outbox")
    for keys in ACTIVE_KEYS:
        print(asyncio.run(_usage(folder / f"{keys}.db", keys)))
    print("\nBodies: reading one, in microseconds")
    for size in BODY_BYTES:
        for messages in (1, max(2, size // BYTES_OF_A_MESSAGE)):
            body = _body(size, messages)
            taken_us = _processor_us(lambda body=body: parse_json(body, max_values=MAX_VALUES))  # type: ignore[misc]
            print(f"{len(body):>9,} bytes, {messages:>5} messages: {taken_us:,.1f}")


async def _usage(file: Path, keys: int) -> str:
    url = sqlite_url(file)
    await migrate(url, _MIGRATIONS)
    database, writer = Database(url), new_id("wr_")
    metering = repository.MeteringRepository(database)
    await metering.open_writer(writer, 1)
    try:
        entries = _entries(keys)
        began = time.process_time()
        for start in range(0, REQUESTS, 256):
            await metering.append(writer, start + 1, entries[start : start + 256])
        written = time.process_time()
        reported = repository.Reported(0, is_all=False)
        while not reported.is_all:
            reported = await metering.report("us", writer, reported.last_number, (), with_usage=True)
        ended = time.process_time()
    finally:
        await database.close()
    return (
        f"{keys:>6} keys: ledger {(written - began) * 1000:.0f} ms, "
        f"{reported.last_number} reports {(ended - written) * 1000:.0f} ms"
    )


def _entries(keys: int) -> list[LedgerEntry]:
    ids = [new_id("key_") for _ in range(keys)]
    return [
        LedgerEntry(
            request_id=f"req_{number}",
            at_ms=60_000,
            organization_id="org-" + "0" * 24,
            project_id="proj_" + "0" * 24,
            key_id=ids[number % keys],
            endpoint=Endpoint.CHAT_COMPLETIONS,
            model="gpt-4o-2024-08-06",
            tier=ServiceTier.DEFAULT,
            batch=False,
            engine="one",
            country="US",
            outcome=Outcome.COMPLETE,
            counted_by=CountedBy.ENGINE,
            usage=Usage(10, 0, 5),
        )
        for number in range(REQUESTS)
    ]


def _body(size: int, messages: int) -> bytes:
    length = size // messages - 40
    content = (_TEXT * (length // len(_TEXT) + 1))[:length]
    return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": content}] * messages}).encode()


def _processor_us(work: Callable[[], object]) -> float:
    """The least of five rounds of a tenth of a second or so."""
    began = time.process_time()
    work()
    rounds = max(1, int(0.1 / max(time.process_time() - began, 1e-6)))
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(rounds):
            work()
        best = min(best, (time.process_time() - began) / rounds)
    return best * 1e6
