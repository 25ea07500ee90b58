"""Every target, each interval, until stopped; none waits for another."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from math import inf
from typing import Protocol

import structlog

from forescale.model.errors import StoreError
from forescale.model.journal import Entry
from forescale.model.protocols import Clock
from forescale.model.state import State
from forescale.runtime.holder import gone
from forescale.runtime.journal import Journal
from forescale.runtime.log import Failures
from forescale.runtime.target import Forecasts, Pace, Part, TargetLoop
from forescale.store import Held, Ledger

Work = Callable[[], Awaitable[None]]


class Forecasters(Protocol):
    """Who forecasts for the targets of a process; see `forescale.runtime.forecasting`."""

    def target(self, name: str) -> Forecasts | None:
        """Who does it for a target; None where nobody does."""
        ...

    async def close(self) -> None:
        """End what is under way."""
        ...


class Runtime:
    """Drives targets on one ledger. `holder` names this process there.

    Demand is forecast by `forecasting` while it runs; `once` goes by the last forecast in the ledger.

    Targets are evaluated only while this process holds their leases. Where another process
    has them, this one stands by, and takes over when that one stops or its leases run out.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        ledger: Ledger,
        clock: Clock,
        *,
        holder: str,
        pace: Pace | None = None,
        watch: Callable[[Entry], None] = lambda _entry: None,
        forecasting: Forecasters | None = None,
    ) -> None:
        self.pace = pace or Pace()
        self._forecasting = forecasting
        self._ledger, self._clock, self._holder = ledger, clock, holder
        self._journal = Journal(ledger)
        self._log, self._failures = structlog.get_logger(), Failures()
        self._stopping = asyncio.Event()
        self._turned, self._asked = clock.now(), -inf
        self._inquiry: asyncio.Task[None] | None = None
        self.loops = [
            TargetLoop(part, journal=self._journal, clock=clock, pace=self.pace, watch=watch)
            for part in parts
        ]

    async def run(self) -> None:
        """Evaluate until `stop`; then finish what is under way. Raises `StoreError` at the start."""
        if self._forecasting is not None:
            for loop in self.loops:
                loop.forecasts = self._forecasting.target(loop.name)
        await self._own()
        try:
            async with asyncio.TaskGroup() as tasks:
                work = [
                    tasks.create_task(self._every(self.pace.interval, self._poll)),
                    tasks.create_task(self._every(self.pace.prune, self._prune)),
                    *(tasks.create_task(self._look_after(loop)) for loop in self.loops),
                ]
                tasks.create_task(self._end_all(work))
        finally:
            await self._end()

    async def once(self) -> None:
        """Evaluate every target once.

        Raises `StoreError` where another process runs one of them, or nothing can be recorded.
        """
        await self._ask()
        try:
            if not all(loop.owned for loop in self.loops):
                raise StoreError(self.loops[0].standing_by, hint="see what it decides: forescale status")
            await asyncio.gather(*(self._guarded(loop.tick, loop.name) for loop in self.loops))
        finally:
            await self._end()
        if problem := next((loop.degraded for loop in self.loops if loop.degraded), ""):
            raise StoreError(problem, hint="no action was taken, for none is without a record")

    def stop(self) -> None:
        """Ask for a graceful stop: evaluations under way finish, none begins."""
        self._stopping.set()

    def late(self) -> dict[str, str]:
        """The targets that are not looked after as they should be, and why."""
        now = self._clock.now()
        problems = {loop.name: loop.late(now) for loop in self.loops}
        return {name: problem for name, problem in problems.items() if problem}

    def stalled(self) -> dict[str, str]:
        """What shows that the loop itself does not turn any more."""
        quiet = self._clock.now() - self._turned
        return {"loop": f"has not turned for {quiet:.0f} s"} if quiet > self.pace.patience else {}

    async def _look_after(self, loop: TargetLoop) -> None:
        async def turn() -> None:
            await self._poll()  # an order that was accepted before this moment holds in it
            await loop.tick()

        await self._every(self.pace.interval, turn, loop.name)

    async def _end_all(self, work: Iterable[asyncio.Task[None]]) -> None:
        """Once a stop is asked for, end what does not end by itself in time: as safe as a crash."""
        await self._stopping.wait()
        _, slow = await asyncio.wait(work, timeout=self.pace.grace)
        for task in slow:
            task.cancel()

    async def _end(self) -> None:
        if self._inquiry is not None:
            await asyncio.wait({self._inquiry}, timeout=self.pace.grace)
        if self._forecasting is not None:
            await self._forecasting.close()
        await self._journal.close()
        with suppress(StoreError):  # a lease runs out by itself
            await asyncio.to_thread(self._ledger.release, self._holder)

    async def _every(self, interval: float, work: Work, name: str = "housekeeping") -> None:
        """Do the work at every whole multiple of the interval, skipping those it was too slow for."""
        while not self._stopping.is_set():
            self._turned = self._clock.now()
            await self._guarded(work, name)
            wake = (self._clock.now() // interval + 1) * interval
            sleep = asyncio.ensure_future(self._clock.sleep_until(wake))
            stop = asyncio.ensure_future(self._stopping.wait())
            try:
                await asyncio.wait({sleep, stop}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleep.cancel()
                stop.cancel()

    async def _guarded(self, work: Work, name: str) -> None:
        """Whatever a tick raises is told, and does not end the loop."""
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - a bug met in one target must not stop the others
            self._failures.failed(f"evaluation of {name}", error)
        else:
            self._failures.works(f"evaluation of {name}")

    async def _poll(self) -> None:
        """Know what the ledger says at this moment: whoever wakes first asks, for all of them.

        All go on at the same moment, too, so that their calls and commits come together.
        """
        now = self._clock.now()
        if self._inquiry is None or self._inquiry.done():
            if 0 <= now - self._asked < self.pace.interval / 2:
                return
            self._asked, self._inquiry = now, asyncio.create_task(self._ask_or_tell())
        await asyncio.shield(self._inquiry)

    async def _ask_or_tell(self) -> None:
        """Ask the ledger; where it does not answer, say so: whoever cannot write will stop by itself."""
        try:
            await self._ask()
        except Exception as error:  # noqa: BLE001 - even a bug in here must not stop the evaluations
            self._failures.failed("ledger", error)
        else:
            self._failures.works("ledger")

    async def _ask(self) -> None:
        """Renew the ownership of the targets, and fetch the orders given by hand."""
        await self._own()
        orders = await asyncio.to_thread(self._ledger.orders)
        for loop in self.loops:
            loop.orders(orders.get(loop.name, {}))

    async def _own(self) -> None:
        """Take or renew the leases; what is newly ours is picked up where the ledger says it stands."""
        try:
            states = await asyncio.to_thread(self._hold)
        except Held as error:
            for loop in self.loops:
                loop.stand_by(error.leases[0].holder, error.message)
            return
        for loop in self.loops:
            if loop.name in states:
                loop.take_up(states[loop.name])

    def _hold(self) -> dict[str, State]:
        try:
            self._take_leases()
        except Held as error:
            dead = {lease.holder for lease in error.leases if gone(lease.holder)}
            if not dead:
                raise
            for holder in dead:  # a process of this machine that was killed: no need to wait
                self._ledger.release(holder)
            self._take_leases()
        # One that still ends what it began before it was lost has its turn the next time.
        fresh = [loop.name for loop in self.loops if not loop.owned and not loop.busy]
        return {name: self._ledger.reload(name) or State(name) for name in fresh}

    def _take_leases(self) -> None:
        names, now = [loop.name for loop in self.loops], self._clock.now()
        self._ledger.hold(names, self._holder, now, now + 2 * self.pace.patience)

    async def _prune(self) -> None:
        """Forget what is too old."""
        try:
            await asyncio.to_thread(self._ledger.prune, self._clock.now() - self.pace.retention)
        except StoreError as error:
            self._failures.failed("pruning", error)
        else:
            self._failures.works("pruning")
