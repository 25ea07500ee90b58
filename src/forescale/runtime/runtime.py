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
from forescale.store import Held, Ledger

Work = Callable[[], Awaitable[None]]


class Runtime:
    """Drives targets on one ledger. `holder` names this process there.

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
            if not all(loop.owned for loop in self.loops):
                raise StoreError(self.loops[0].standing_by, hint="see what it decides: forescale status")
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
            orders = await asyncio.to_thread(self._ledger.orders)
        except StoreError as error:
            if error.message != self._problem:
                self._log.warning("ledger failing", error=error.message, hint=error.hint)
            self._problem = error.message
            return
        self._problem = ""
        for loop in self.loops:
            for order, command in orders.get(loop.name, {}).items():
                loop.order(order, command)

    async def _own(self) -> None:
        """Take or renew the leases; what is newly ours is picked up where the ledger says it stands."""
        try:
            states = await asyncio.to_thread(self._hold)
        except Held as error:
            for loop in self.loops:
                loop.stand_by(error.message)
            return
        for loop in self.loops:
            if loop.name in states:
                loop.take_up(states[loop.name])

    def _hold(self) -> dict[str, State]:
        names, now = [loop.name for loop in self.loops], self._clock.now()
        self._ledger.hold(names, self._holder, now, now + 2 * self._patience)
        fresh = [loop.name for loop in self.loops if not loop.owned]
        return {name: self._ledger.reload(name) or State(name) for name in fresh}

    async def _prune(self) -> None:
        """Forget what is too old."""
        await asyncio.to_thread(self._ledger.prune, self._clock.now() - self.pace.retention)
