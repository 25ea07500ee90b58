"""Every target, each interval, until stopped; none waits for another."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from forescale.model.errors import StoreError
from forescale.model.journal import Entry
from forescale.model.protocols import Clock
from forescale.model.state import State
from forescale.runtime.journal import Journal
from forescale.runtime.target import Pace, Part, TargetLoop
from forescale.store import Ledger

Work = Callable[[], Awaitable[None]]


class Runtime:
    """Drives targets on one ledger. `holder` names this process there.

    Only targets whose lease this process holds are evaluated. Where another process has it,
    this one stands by, and takes over when that one stops or its lease runs out.
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
    ) -> None:
        self.pace = pace or Pace()
        self._ledger, self._clock, self._holder = ledger, clock, holder
        self._journal = Journal(ledger)
        self._log = structlog.get_logger()
        self._stopping = asyncio.Event()
        self._turned, self._problem = clock.now(), ""
        self.loops = [
            TargetLoop(part, journal=self._journal, clock=clock, pace=self.pace, watch=watch)
            for part in parts
        ]

    async def run(self) -> None:
        """Evaluate until `stop`; then finish what is under way. Raises `StoreError` at the start."""
        await self._own()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._every(self.pace.interval, self._poll))
                tasks.create_task(self._every(self.pace.prune, self._prune))
                for loop in self.loops:
                    tasks.create_task(self._every(self.pace.interval, loop.tick, loop.name))
        finally:
            await self._end()

    async def once(self) -> None:
        """Evaluate every target once. Raises `StoreError` where another process runs one of them."""
        await self._own()
        try:
            others = [loop.name for loop in self.loops if not loop.owned]
            if others:
                raise StoreError(
                    f"another process runs {', '.join(others)} on this ledger",
                    hint="see what it decides: forescale status",
                )
            await asyncio.gather(*(self._guarded(loop.tick, loop.name) for loop in self.loops))
        finally:
            await self._end()

    def stop(self) -> None:
        """Ask for a graceful stop: evaluations under way finish, none begins."""
        self._stopping.set()

    def late(self) -> dict[str, str]:
        """The targets that are not evaluated as they should be, and why."""
        now, patience = self._clock.now(), self._patience
        problems = {loop.name: loop.late(now, patience) for loop in self.loops}
        return {name: problem for name, problem in problems.items() if problem}

    def stalled(self) -> dict[str, str]:
        """What shows that the loop itself does not turn any more."""
        quiet = self._clock.now() - self._turned
        return {"loop": f"has not turned for {quiet:.0f} s"} if quiet > self._patience else {}

    @property
    def _patience(self) -> float:
        return 3 * self.pace.interval + self.pace.timeout

    async def _end(self) -> None:
        await self._journal.close()
        with suppress(StoreError):  # a lease runs out by itself
            await asyncio.to_thread(self._ledger.release, self._holder)

    async def _every(self, interval: float, work: Work, name: str = "housekeeping") -> None:
        """Do the work at every whole multiple of the interval, skipping those it was too slow for."""
        while not self._stopping.is_set():
            await self._guarded(work, name)
            wake = (self._clock.now() // interval + 1) * interval
            sleep = asyncio.ensure_future(self._clock.sleep_until(wake))
            stop = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait({sleep, stop}, return_when=asyncio.FIRST_COMPLETED)
            sleep.cancel()
            stop.cancel()

    async def _guarded(self, work: Work, name: str) -> None:
        """Whatever a tick raises is told, and does not end the loop."""
        try:
            await work()
        except Exception:  # noqa: BLE001 - a bug met in one target must not stop the others
            self._log.exception("evaluation failed", target=name)

    async def _poll(self) -> None:
        """Renew the ownership of the targets, and fetch the orders given by hand."""
        self._turned = self._clock.now()
        try:
            await self._own()
            orders = await asyncio.to_thread(self._ledger.pending)
        except StoreError as error:
            if error.message != self._problem:
                self._log.warning("ledger failing", error=error.message, hint=error.hint)
            self._problem = error.message
            return
        self._problem = ""
        loops = {loop.name: loop for loop in self.loops}
        for order in orders:
            if order.target in loops:
                loops[order.target].order(order.id, order.command)

    async def _own(self) -> None:
        """Take or renew the leases, and pick up the targets that are newly ours where they stand."""
        held, states = await asyncio.to_thread(self._acquire)
        for loop in self.loops:
            if loop.name in states:
                loop.take_up(states[loop.name])
            elif loop.name not in held:
                loop.stand_by()

    def _acquire(self) -> tuple[frozenset[str], dict[str, State]]:
        names = [loop.name for loop in self.loops]
        ttl = 2 * self._patience
        held = self._ledger.acquire(names, self._holder, self._clock.now(), ttl)
        fresh = [loop.name for loop in self.loops if loop.name in held and not loop.owned]
        return held, {name: self._ledger.state(name) or State(name) for name in fresh}

    async def _prune(self) -> None:
        """Forget what is too old."""
        await asyncio.to_thread(self._ledger.prune, self._clock.now() - self.pace.retention)
