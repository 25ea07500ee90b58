"""One target's loop: observe, decide, write down, act. It waits for no other target."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from forescale.engine.settings import TargetSettings
from forescale.engine.step import step
from forescale.model.effect import Act, Action, Effect, Outcome, Refused, Retry
from forescale.model.errors import AdapterError, Denied, NotFound, StoreError, Throttled
from forescale.model.event import Command, Commanded, Event, Observed, Reported
from forescale.model.journal import Entry
from forescale.model.protocols import Actuator, Clock, Source
from forescale.model.sample import Sample, Window
from forescale.model.state import State
from forescale.runtime.journal import Journal
from forescale.runtime.log import TargetLog
from forescale.runtime.news import News
from forescale.series.combine import combine
from forescale.store import Conflict

T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """How often what is done, and how long is waited, in seconds."""

    interval: float = 10.0
    timeout: float = 30.0
    snapshot: float = 6 * 3600.0
    prune: float = 3600.0
    retention: float = 30 * 86400.0


@dataclass(frozen=True)
class Part:
    """A target with its adapters."""

    name: str
    settings: TargetSettings
    source: Source
    actuator: Actuator


class TargetLoop:
    """Evaluates one target whenever `tick` is called; never two ticks at once.

    `state` is what the ledger holds, to the byte: it moves on only after an entry is
    written. `watch` is called with every entry that was.
    """

    def __init__(
        self, part: Part, *, journal: Journal, clock: Clock, pace: Pace, watch: Callable[[Entry], None]
    ) -> None:
        self.name, self.settings, self.state = part.name, part.settings, State(part.name)
        self.owned, self.standing_by = False, ""
        self._orders: dict[str, Command] = {}
        self._obeyed: set[str] = set()
        self._source, self._actuator = part.source, part.actuator
        self._journal, self._clock, self._pace, self._watch = journal, clock, pace, watch
        self._news, self._log = News(), TargetLog(part.name)
        self._evaluated: float | None = None
        self._snapshot: float | None = None
        self._degraded = ""

    def take_up(self, state: State) -> None:
        """The target is this process's from now on, and stands there."""
        self.state, self.owned, self.standing_by = state, True, ""
        self._news, self._snapshot, self._evaluated = News(), None, None
        self._orders.clear()  # one may be in the ledger already; those that are not come again
        self._log.transition("lease", "", "")

    def stand_by(self, why: str) -> None:
        """Another process has the target."""
        self.owned, self.standing_by = False, why
        self._log.transition("lease", why, "standing by to take over")

    def late(self, now: float, patience: float) -> str:
        """Why the target is not evaluated as it should be; empty where it is."""
        if not self.owned:
            return f"standing by: {self.standing_by}"
        if self._degraded:
            return f"ledger: {self._degraded}"
        if self._evaluated is None:
            return "not evaluated yet"
        quiet = now - self._evaluated
        return f"last evaluated {quiet:.0f} s ago" if quiet > patience else ""

    async def tick(self) -> None:
        """One evaluation. Where the ledger cannot be written, it is as though it had not been."""
        if not self.owned:
            return
        try:
            await self._begin_stretch()
            await self._obey()
            await self._evaluate()
        except Conflict as error:
            self._degrade(error.message)
            self.take_up(await self._journal.reload(self.name) or State(self.name))
        except StoreError as error:
            self._degrade(error.message)
        else:
            self._degrade("")
            self._evaluated = self._clock.now()

    def order(self, order: str, command: Command) -> None:
        """Somebody commands something; it is carried out once, at the next tick."""
        if order not in self._obeyed:
            self._orders[order] = command

    async def _obey(self) -> None:
        for order, command in tuple(self._orders.items()):
            await self._put(Commanded(order, self._clock.now(), command))
            self._obeyed.add(order)  # a poll that began before this may still bring it once more
            self._orders.pop(order)

    async def _begin_stretch(self) -> None:
        """At the start and then now and again, begin a stretch of the ledger that replays by itself."""
        now = self._clock.now()
        if self._snapshot is None or now - self._snapshot >= self._pace.snapshot:
            await self._journal.snapshot(self.name, self.settings.model_dump_json(), self.state)
            self._snapshot = now

    def _degrade(self, why: str) -> None:
        self._log.transition("ledger", why, "no action is taken until the ledger can be written")
        self._degraded = why

    async def _evaluate(self) -> None:
        fleet, fleet_error = await self._try("group", self._actuator.observe())
        samples, source_error = await self._try("metrics", self._read())
        now = self._clock.now()
        if samples is not None:
            source_error = "; ".join(self._source.errors)
            self._log.transition("signal", source_error, "")
        told = self._news.pick(samples or (), now)
        news = None if fleet is None else self._news.pick_fleet(fleet)
        event = Observed(
            id=f"{round(now * 1000):x}",  # the tick's time, so that a fold of quiet ticks stays small
            time=now,
            samples=told,
            fleet=news,
            errors=tuple(e for e in (fleet_error, source_error) if e),
            blind=fleet is None,
        )
        effects = await self._put(event)
        self._news.keep(told, fleet, now)
        for effect in effects:
            if isinstance(effect, Act):
                await self._act(effect.action, event.id)

    async def _read(self) -> tuple[Sample, ...]:
        now = self._clock.now()
        oldest = max(s.max_age + 2 * s.period for s in self.settings.signals.values())
        # A full window once, to have what the policies look back on; then only what may be new.
        back = max(self.settings.lookback, oldest) if self._evaluated is None else oldest
        window = Window(now - back, now, self._actuator.instances())
        return combined(await self._source.read(window), self.settings)

    async def _put(self, event: Event) -> tuple[Effect, ...]:
        """Step, and write down what came of it. The state moves on only once that is durable."""
        state, effects = step(self.state, event, self.settings)
        entry = Entry(self.name, event, state, effects)
        await self._journal.write(entry)
        self.state = state
        self._log.entry(entry)
        self._watch(entry)
        return effects

    async def _act(self, action: Action, request: str) -> None:
        """Apply an action that is journaled, and report the outcome.

        No outcome is reported where the write may or may not have arrived: the engine finds
        out from the group itself at the next evaluation, as it does after a crash.
        """
        self._log.acting(action, request)
        outcome = await self._apply(action)
        if outcome is not None:
            await self._put(Reported(request, self._clock.now(), outcome))

    async def _apply(self, action: Action) -> Outcome | None:
        try:
            return await asyncio.wait_for(self._actuator.apply(action), self._pace.timeout)
        except Throttled as error:
            return Retry(action.id, error.after, error.message)
        except (Denied, NotFound) as error:
            return Refused(action.id, error.message)
        except (AdapterError, TimeoutError) as error:
            self._log.transition("apply", str(error) or "no answer in time", "looking again at the group")
            return None

    async def _try(self, what: str, work: Awaitable[T]) -> tuple[T | None, str]:
        """The result, or None and why. A failure is logged when it begins and when it ends."""
        try:
            result = await asyncio.wait_for(work, self._pace.timeout)
        except AdapterError as error:
            problem = error.message
            hint = error.hint
        except TimeoutError:
            problem, hint = f"no answer within {self._pace.timeout:g} s", ""
        else:
            self._log.transition(what, "", "")
            return result, ""
        self._log.transition(what, problem, hint)
        return None, f"{what}: {problem}"


def combined(samples: Iterable[Sample], settings: TargetSettings) -> tuple[Sample, ...]:
    """Samples of single instances made one series of the target; the others as they are."""
    whole, parts = [], dict[str, list[Sample]]()
    for sample in samples:
        if sample.instance is None:
            whole.append(sample)
        else:
            parts.setdefault(sample.signal, []).append(sample)
    for signal, found in parts.items():
        whole.extend(combine(found, settings.signals[signal].combine))
    return tuple(whole)
