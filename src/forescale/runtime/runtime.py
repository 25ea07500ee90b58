"""Every target, each interval, until stopped; none waits for another."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from forescale.engine.settings import TargetSettings
from forescale.model.errors import StoreError
from forescale.model.event import Command
from forescale.model.journal import Entry
from forescale.model.protocols import Actuator, Clock, Source
from forescale.model.state import State
from forescale.runtime.journal import Committer, Journal
from forescale.runtime.target import Pace, TargetLoop

Work = Callable[[], Awaitable[None]]


class RuntimeLedger(Committer, Protocol):
    """What the runtime needs of a ledger. All of it blocks and raises `StoreError`."""

    def state(self, target: str) -> State | None:
        """Where the target stands."""
        ...

    def orders(self) -> Mapping[str, Mapping[str, Command]]:
        """Commands given by hand and not yet carried out: by target, by id, oldest first."""
        ...

    def hold(self, targets: Sequence[str], holder: str, now: float, until: float) -> None:
        """Take or renew the ownership of targets. Raises `StoreError` where another has one."""
        ...

    def release(self, holder: str) -> None:
        """Give up ownership."""
        ...

    def prune(self, before: float) -> object:
        """Forget what is older."""
        ...


@dataclass(frozen=True)
class Part:
    """A target with its adapters."""

    name: str
    settings: TargetSettings
    source: Source
    actuator: Actuator


class Runtime:
    """Drives targets on one ledger. `holder` names this process in the ledger."""

    def __init__(
        self,
        parts: Sequence[Part],
        ledger: RuntimeLedger,
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
        self._poll_problem = ""
        self._turned = clock.now()
        self.loops = [
            TargetLoop(
                part.name,
                part.settings,
                ledger.state(part.name) or State(part.name),
                source=part.source,
                actuator=part.actuator,
                journal=self._journal,
                clock=clock,
                pace=self.pace,
                watch=watch,
            )
            for part in parts
        ]

    async def run(self) -> None:
        """Evaluate until `stop`; then finish what is under way. Raises `StoreError` at the start."""
        await self._begin()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._every(self.pace.interval, self._poll))
                tasks.create_task(self._every(self.pace.prune, self._maintain))
                for loop in self.loops:
                    tasks.create_task(self._every(self.pace.interval, loop.tick, loop.name))
        finally:
            await self._end()

    async def once(self) -> None:
        """Evaluate every target once."""
        await self._begin()
        try:
            await self._poll()
            await asyncio.gather(*(self._guarded(loop.tick, loop.name) for loop in self.loops))
        finally:
            await self._end()

    def stop(self) -> None:
        """Ask for a graceful stop: evaluations under way finish, none begins."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """A stop has been asked for."""
        return self._stopping.is_set()

    def late(self) -> dict[str, str]:
        """The targets that are not evaluated as they should be, and why."""
        now, patience = self._clock.now(), 3 * self.pace.interval + self.pace.timeout
        problems = {}
        for loop in self.loops:
            if loop.degraded:
                problems[loop.name] = f"ledger: {loop.degraded}"
            elif loop.evaluated is None:
                problems[loop.name] = "not evaluated yet"
            elif now - loop.evaluated > patience:
                problems[loop.name] = f"last evaluated {now - loop.evaluated:.0f} s ago"
        return problems

    def stalled(self) -> dict[str, str]:
        """What shows that the loop itself does not turn any more."""
        quiet, patience = self._clock.now() - self._turned, 3 * self.pace.interval + self.pace.timeout
        return {"loop": f"has not turned for {quiet:.0f} s"} if quiet > patience else {}

    async def _begin(self) -> None:
        await asyncio.to_thread(self._hold)

    async def _end(self) -> None:
        await self._journal.close()
        with suppress(StoreError):  # a lease runs out by itself
            await asyncio.to_thread(self._ledger.release, self._holder)

    async def _every(self, interval: float, work: Work, name: str = "housekeeping") -> None:
        """Do the work at every whole multiple of the interval, skipping those it was too slow for."""
        while not self.stopping:
            await self._guarded(work, name)
            wake = (self._clock.now() // interval + 1) * interval
            sleep = asyncio.ensure_future(self._clock.sleep_until(wake))
            stop = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait({sleep, stop}, return_when=asyncio.FIRST_COMPLETED)
            sleep.cancel()
            stop.cancel()

    async def _guarded(self, work: Work, name: str) -> None:
        """Whatever a tick raises is told, and does not end the loop: the one broad except there is."""
        try:
            await work()
        except Exception:  # noqa: BLE001 - the one place: a bug in one target must not stop the others
            self._log.exception("evaluation failed", target=name)

    async def _poll(self) -> None:
        """Fetch orders given by hand, and renew the ownership of the targets."""
        self._turned = self._clock.now()
        try:
            orders = await asyncio.to_thread(self._renew)
        except StoreError as error:
            if error.message != self._poll_problem:
                self._log.warning("ledger failing", error=error.message, hint=error.hint)
            self._poll_problem = error.message
            return
        self._poll_problem = ""
        for loop in self.loops:
            loop.orders.update(orders.get(loop.name, {}))

    def _renew(self) -> Mapping[str, Mapping[str, Command]]:
        self._hold()
        return self._ledger.orders()

    def _hold(self) -> None:
        now = self._clock.now()
        lease = 6 * self.pace.interval + self.pace.timeout
        self._ledger.hold([loop.name for loop in self.loops], self._holder, now, now + lease)

    async def _maintain(self) -> None:
        """Forget what is too old."""
        await asyncio.to_thread(self._ledger.prune, self._clock.now() - self.pace.retention)
