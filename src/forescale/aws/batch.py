"""Many small questions, asked at the same moment by many targets, in few calls."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from functools import partial
from typing import Generic, TypeVar

from forescale.aws.errors import Rejected
from forescale.model.errors import NotFound

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Turns of the event loop to wait for others of the same moment: enough for tasks that were
# started together and take the same path here, without a delay on the wall clock.
_TURNS = 3


def _one(_key: object) -> int:
    return 1


def _same(_key: object) -> Hashable:
    return None


def _itself(key: Hashable) -> Hashable:
    return key


class Batcher(Generic[K, V]):
    """Gathers keys loaded at the same moment into calls of at most `limit`.

    Equal keys are asked for once. While `parallel` calls are under way, later keys gather for
    the next one. If AWS rejects a call as a whole, it is halved until only the culprits
    fail; these travel alone from then on, so that they cost the others nothing.

    Args:
        run: makes the call; a value for each key, those it leaves out are None.
        limit: how much fits in a call, in the unit of `weight`.
        weight: how much of a call a key takes.
        family: only keys of the same family share a call.
        identity: what remains the same of a key that is asked for again.
        parallel: the most calls at once.
    """

    def __init__(
        self,
        run: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
        *,
        limit: int,
        weight: Callable[[K], int] = _one,
        family: Callable[[K], Hashable] = _same,
        identity: Callable[[K], Hashable] = _itself,
        parallel: int = 4,
    ) -> None:
        self._run, self._limit, self._parallel = run, limit, parallel
        self._weight, self._family, self._identity = weight, family, identity
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._culprits: set[Hashable] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._gathering = False

    async def load(self, key: K) -> V | None:
        """The value of a key, or None. Raises the error of the call that failed for it."""
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
        self._wake()
        return await asyncio.shield(future)

    def _wake(self) -> None:
        if not self._gathering and self._waiting and self._under_way < self._parallel:
            self._gathering = True
            self._start(self._gather())

    async def _gather(self) -> None:
        try:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        finally:  # also where the event loop ends: another one may go on with this object
            self._gathering = False
            waiting, self._waiting = self._waiting, {}
        for keys in self._batches(list(waiting)):
            batch = {key: waiting[key] for key in keys}
            self._under_way += 1
            self._start(self._ask(batch)).add_done_callback(partial(self._ended, batch))

    def _batches(self, keys: Sequence[K]) -> list[list[K]]:
        batches: list[list[K]] = []
        open_batches: dict[Hashable, tuple[list[K], int]] = {}
        for key in keys:
            if self._identity(key) in self._culprits:
                batches.append([key])
                continue
            family, weight = self._family(key), self._weight(key)
            batch, size = open_batches.get(family, ([], 0))
            if not batch or size + weight > self._limit:
                batch, size = [], 0
                batches.append(batch)
            batch.append(key)
            open_batches[family] = (batch, size + weight)
        return batches

    def _ended(self, batch: Mapping[K, "asyncio.Future[V | None]"], task: "asyncio.Task[None]") -> None:
        self._under_way -= 1
        if task.cancelled():
            for future in batch.values():
                future.cancel()
        elif error := task.exception():
            _fail(batch, error)
        self._wake()

    async def _ask(self, batch: Mapping[K, "asyncio.Future[V | None]"]) -> None:
        keys = list(batch)
        try:
            answer = await self._run(keys)
        except (Rejected, NotFound) as error:
            if len(keys) == 1:
                self._culprits.add(self._identity(keys[0]))
                _fail(batch, error)
                return
            half = len(keys) // 2
            await self._ask({key: batch[key] for key in keys[:half]})
            await self._ask({key: batch[key] for key in keys[half:]})
        else:
            for key, future in batch.items():
                self._culprits.discard(self._identity(key))
                if not future.done():
                    future.set_result(answer.get(key))

    def _start(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _fail(batch: Mapping[K, "asyncio.Future[V | None]"], error: BaseException) -> None:
    for future in batch.values():
        if not future.done():
            future.set_exception(error)
            future.exception()  # seen: a caller that has gone away does not leave a warning
