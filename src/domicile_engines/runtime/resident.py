"""A model that is loaded when it is first needed, shared by all requests, and let go when nobody has needed it for a while."""

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

from domicile.kernel.fair_turns import FairTurns, Project
from domicile_engines.runtime.engine_errors import cannot_be_loaded
from domicile_engines.runtime.places import WAITING_MAX, Places
from domicile_engines.runtime.weights import WeightsError

_log = logging.getLogger(__name__)

ModelT = TypeVar("ModelT")
ResultT = TypeVar("ResultT")


class ClientLeftError(Exception):
    """Nobody waits for the result any more."""


def go_on(left: threading.Event) -> None:
    """Between two steps of a piece of work: raises `ClientLeftError` when its client has left."""
    if left.is_set():
        raise ClientLeftError


class Resident(Generic[ModelT]):
    """One model and the threads that run it. Projects take turns, also between the pieces of each other's work.

    `run` and `stream` do their work in a thread, so that the event loop stays free. Work that can be interrupted looks at
    the event that it is handed: it is set when the client has left.
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
        """`load` blocks and may raise; `idle_s` seconds without a request unload the model; `workers` run side by side.

        `streams_max`: how many streams may be under way, where each keeps much in memory; the next waits for one to end. A
        project leaves one of them to the others, whatever its own take.
        `unload`: what a model needs beyond being forgotten; quick.
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
        """Whether its weights are in memory now."""
        return self._model is not None

    async def run(self, work: Callable[[ModelT, threading.Event], ResultT], project: Project) -> ResultT:
        """The result of `work`. Cancelling sets its event, and the worker is free again only when it has ended."""
        with self._place(project) as left:
            async with self._turns.turn(project):
                return await self._run(work, await self._loaded(), left)

    async def run_in_turns(
        self, pieces: Sequence[Callable[[ModelT, threading.Event], ResultT]], project: Project
    ) -> list[ResultT]:
        """The results of pieces of one long work, in order. Between two of them those who wait have their turn."""
        results = []
        with self._place(project) as left:
            for piece in pieces:
                async with self._turns.turn(project):
                    results.append(await self._run(piece, await self._loaded(), left))
        return results

    async def stream(
        self, work: Callable[[ModelT, threading.Event], Iterator[ResultT]], project: Project
    ) -> AsyncGenerator[ResultT, None]:
        """What `work` yields, each as it comes. Closing the iteration ends the work at its next item.

        Between two items those who wait have their turn, however slowly this one's reader reads.
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
        """Lets the model go. What still runs is told that nobody waits for it."""
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
    def _place(self, project: Project) -> Iterator[threading.Event]:
        """A place in the bounded queue. While anybody has one, the model stays."""
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
        """The model, loaded once for all who ask for it at the same time, and for the next when the first has left."""
        if self._model is not None:
            return self._model
        if self._loading is None:
            self._loading = asyncio.create_task(self._load_in_thread())
        return await asyncio.shield(self._loading)

    async def _load_in_thread(self) -> ModelT:
        try:
            self._model = await asyncio.get_running_loop().run_in_executor(self._threads, self._load)
            # What loading took beside the model itself.
            _return_memory()
            _log.info("loaded %s", self.name)
            return self._model
        except WeightsError as error:
            # Its text names a package or a file of this installation: the operator's to read, not the caller's.
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
            # Whoever asked for it has left already.
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
    """One item of an iteration; None stands for its end."""

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
    """Until a thread's work has ended, however."""
    await asyncio.wait({running})
    if not running.cancelled():
        running.exception()


def _return_memory() -> None:
    """glibc keeps freed memory for itself unless it is told that nobody will want it soon."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
