"""A model that is loaded at its first request, shared by all requests, and unloaded after an idle time."""

import asyncio
import ctypes
import gc
import logging
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from domicile.kernel.fair_turns import FairTurns, Tenant
from domicile_engines.runtime.engine_errors import cannot_be_loaded
from domicile_engines.runtime.places import WAITING_MAX, Places
from domicile_engines.runtime.weights import WeightsError

_log = logging.getLogger(__name__)

ModelT = TypeVar("ModelT")
ResultT = TypeVar("ResultT")


class ClientLeftError(Exception):
    """The client has disconnected, so the result is no longer needed."""


def go_on(left: threading.Event) -> None:
    """Raises `ClientLeftError` if `left` is set. Work calls this between two steps."""
    if left.is_set():
        raise ClientLeftError


class Resident(Generic[ModelT]):
    """One model and the threads that run it. Projects take turns, also between the pieces of one request.

    `run`, `run_in_turns` and `stream` work in a thread, so the event loop stays free. The work gets the model and an event.
    The event is set when the client disconnects; the work checks it to stop early.

    All three raise `DomicileError`: 429 if the queue is full, 503 if the model cannot be loaded.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], ModelT],
        *,
        idle_s: float,
        workers: int = 1,
        streams_max: int | None = None,
        unload: Callable[[ModelT], None] | None = None,
    ) -> None:
        """`load` may block and raise. `idle_s`: seconds without a request before the model is unloaded.

        `workers`: how many calls run at the same time.
        `streams_max`: how many streams may be open, for work that keeps much in memory; further streams wait. One project may
        have all but one of them. None: no limit beyond the queue's.
        `unload`: called before the model is dropped, to release its resources; must be quick.
        """
        self.name = name
        self._load = load
        self._unload_model = unload
        self._idle_s = idle_s
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._loading: asyncio.Task[ModelT] | None = None
        self._places = Places(workers + WAITING_MAX)
        self._turns = FairTurns(places=workers, places_of_one=workers)
        streams = streams_max or workers + WAITING_MAX
        self._streams = FairTurns(places=streams, places_of_one=max(1, streams - 1))
        self._model: ModelT | None = None
        self._users = 0
        self._unloading: asyncio.TimerHandle | None = None
        self._working: set[threading.Event] = set()

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory now."""
        return self._model is not None

    async def run(self, work: Callable[[ModelT, threading.Event], ResultT], project: Tenant) -> ResultT:
        """Run `work` and return its result. Cancelling sets the event, then waits until `work` has ended."""
        with self._place(project) as left:
            async with self._turns.turn(project):
                return await self._run(work, await self._loaded(), left)

    async def run_in_turns(
        self, pieces: Sequence[Callable[[ModelT, threading.Event], ResultT]], project: Tenant
    ) -> list[ResultT]:
        """Run the pieces of one request in order and return their results. Waiting requests run between two pieces."""
        results = []
        with self._place(project) as left:
            for piece in pieces:
                async with self._turns.turn(project):
                    results.append(await self._run(piece, await self._loaded(), left))
        return results

    async def stream(
        self, work: Callable[[ModelT, threading.Event], Iterator[ResultT]], project: Tenant
    ) -> AsyncGenerator[ResultT, None]:
        """Yield each item of `work` as it is produced. Closing the iteration stops the work before its next item.

        Waiting requests run between two items. So a slow reader does not hold up the others.
        """
        with self._place(project) as left:
            async with self._streams.turn(project):
                items: Iterator[ResultT] | None = None
                try:
                    while True:
                        async with self._turns.turn(project):
                            model = await self._loaded()
                            items = work(model, left) if items is None else items
                            item = await self._run(_next_of(items), model, left)
                        if item is None:
                            return
                        yield item.value
                finally:
                    left.set()
                    if items is not None:
                        await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._threads, _close, items))

    async def close(self) -> None:
        """Unload the model, and set the event of all running work."""
        self._stop_unloading()
        for left in self._working:
            left.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._forget()

    async def _run(
        self, work: Callable[[ModelT, threading.Event], ResultT], model: ModelT, left: threading.Event
    ) -> ResultT:
        running = asyncio.get_running_loop().run_in_executor(self._threads, work, model, left)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            left.set()
            await _settled(running)
            raise

    @contextmanager
    def _place(self, project: Tenant) -> Iterator[threading.Event]:
        """Hold a place in the bounded queue. The model stays loaded while a request holds one."""
        with self._places.one(project):
            self._users += 1
            self._stop_unloading()
            left = threading.Event()
            self._working.add(left)
            try:
                yield left
            finally:
                self._working.discard(left)
                self._users -= 1
                if self._users == 0:
                    self._unloading = asyncio.get_running_loop().call_later(self._idle_s, self._unload)

    async def _loaded(self) -> ModelT:
        """Return the model. Concurrent requests share one load, which continues if the first request is cancelled."""
        if self._model is not None:
            return self._model
        if self._loading is None:
            self._loading = asyncio.create_task(self._load_in_thread())
        return await asyncio.shield(self._loading)

    async def _load_in_thread(self) -> ModelT:
        try:
            self._model = await asyncio.get_running_loop().run_in_executor(self._threads, self._load)
            # Return the memory that only the loading needed.
            _return_memory()
            _log.info("loaded %s", self.name)
            return self._model
        except WeightsError as error:
            # The text names a package or a file of this installation, so it goes to the operator's log, not to the caller.
            _log.error("%s cannot be loaded: %s", self.name, error)
        except Exception as error:
            _log.error("%s cannot be loaded: %s", self.name, type(error).__name__)
        finally:
            self._loading = None
        raise cannot_be_loaded()

    def _stop_unloading(self) -> None:
        if self._unloading is not None:
            self._unloading.cancel()
            self._unloading = None

    def _unload(self) -> None:
        self._unloading = None
        if self._loading is not None:
            # The request that started the load is gone, but the load still runs: try again later.
            self._unloading = asyncio.get_running_loop().call_later(self._idle_s, self._unload)
            return
        self._forget()
        gc.collect()
        _return_memory()
        _log.info("unloaded %s", self.name)

    def _forget(self) -> None:
        model, self._model = self._model, None
        if model is not None and self._unload_model is not None:
            self._unload_model(model)


class _Item(Generic[ResultT]):
    """One item of an iteration. `None` instead of an `_Item` is the end, so items may be None themselves."""

    __slots__ = ("value",)

    def __init__(self, value: ResultT) -> None:
        self.value = value


def _next_of(items: Iterator[ResultT]) -> Callable[[object, threading.Event], _Item[ResultT] | None]:
    def work(_model: object, _left: threading.Event) -> _Item[ResultT] | None:
        for value in items:
            return _Item(value)
        return None

    return work


def _close(items: Iterator[object]) -> None:
    close = getattr(items, "close", None)
    if close is not None:
        close()


async def _settled(running: "asyncio.Future[Any]") -> None:
    """Wait until a thread's work has ended, and consume its exception."""
    await asyncio.wait({running})
    if not running.cancelled():
        running.exception()


def _return_memory() -> None:
    """Return freed memory to the operating system. glibc keeps it otherwise."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
