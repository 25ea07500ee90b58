"""Where time comes from: the machine, or a driver that decides when it passes."""

import asyncio
import time
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

# A long sleep is taken in pieces of real seconds, so that a wall clock put forward is noticed.
_PIECE = 60.0


class SystemClock:
    """The machine's own clock.

    Args:
        wall: seconds since the epoch; may jump.
        steady: seconds that only ever pass.
        piece: the longest sleep in one go, in seconds.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        piece: float = _PIECE,
    ) -> None:
        self._wall, self._steady, self._piece = wall, steady, piece

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._wall()

    async def sleep_until(self, wake: float) -> None:
        """Return once the clock has reached `wake`, or as much time has passed as was missing.

        A clock that is put back must not let anybody sleep for longer.
        """
        end = self._steady() + wake - self._wall()
        while (left := min(wake - self._wall(), end - self._steady())) > 0:  # noqa: ASYNC110 - a clock is waited for
            await asyncio.sleep(min(left, self._piece))


class VirtualClock:
    """A clock that stands still until it is told to advance. For demos and tests.

    May be read from any thread; `advance` belongs to the event loop of its sleepers.
    """

    def __init__(self, start: float) -> None:
        self._now = start
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._fell_asleep = asyncio.Event()

    def now(self) -> float:
        """Seconds since the epoch, as told."""
        return self._now

    async def sleep_until(self, wake: float) -> None:
        """Return once the clock has been advanced to `wake`."""
        if wake <= self._now:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (wake, next(self._order), future))
        self._fell_asleep.set()
        await future

    async def resting(self, parties: int) -> None:
        """Return once so many sleep: then all that was due has been done."""
        while sum(not future.done() for _, _, future in self._sleepers) < parties:
            self._fell_asleep.clear()
            await self._fell_asleep.wait()

    def advance(self, to: float) -> None:
        """Let it be `to`, and wake who slept until then."""
        self._now = max(to, self._now)
        while self._sleepers and self._sleepers[0][0] <= self._now:
            future = heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)
