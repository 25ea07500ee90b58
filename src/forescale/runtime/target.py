"""One target's loop: observe, decide, write down, act. It waits for no other target."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from msgspec.structs import replace

from forescale.engine.observe import observe
from forescale.engine.settings import TargetSettings
from forescale.engine.step import step
from forescale.model.effect import Act, Action, Effect, Outcome, Refused, Retry
from forescale.model.errors import Denied, NotFound, StoreError, Throttled
from forescale.model.event import Command, Commanded, Event, Forecasted, Observed, Reported
from forescale.model.forecast import Forecast
from forescale.model.journal import Entry
from forescale.model.protocols import Actuator, Clock, Source
from forescale.model.sample import Sample, Window
from forescale.model.state import State
from forescale.runtime.journal import Journal
from forescale.runtime.log import TargetLog, in_words
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
    grace: float = 10.0
    """How long evaluations under way may take to finish when a stop is asked for."""

    @property
    def patience(self) -> float:
        """After so long without an evaluation something is wrong."""
        return 3 * self.interval + self.timeout


@dataclass(frozen=True)
class Part:
    """A target with its adapters."""

    name: str
    settings: TargetSettings
    source: Source
    actuator: Actuator


class Forecasts(Protocol):
    """What forecasts the demand of one target; see `forescale.runtime.forecasting`."""

    def begin(self) -> None:
        """The target is this process's from now on."""
        ...

    async def hear(self, state: State, now: float) -> Forecast | None:
        """What is known now; the forecast, where there is a new one. Is quick, and never raises."""
        ...


class TargetLoop:
    """Evaluates one target whenever `tick` is called; never two ticks at once.

    `state` is what the ledger holds, to the byte: it moves on only after an entry is
    written. `watch` is called with every entry that was.

    `owned` says whether the target is this process's, `standing_by` why not, `degraded` why
    the ledger cannot be written, `busy` that a tick is under way. `forecasts` is who forecasts
    its demand, where somebody does.
    """

    def __init__(
        self, part: Part, *, journal: Journal, clock: Clock, pace: Pace, watch: Callable[[Entry], None]
    ) -> None:
        self.name, self.settings, self.state = part.name, part.settings, State(part.name)
        self.owned = self.busy = False
        self.standing_by = self.degraded = ""
        self.forecasts: Forecasts | None = None
        self._source, self._actuator = part.source, part.actuator
        self._journal, self._clock, self._pace, self._watch = journal, clock, pace, watch
        self._log = TargetLog(part.name)
        self._orders: dict[str, Command] = {}
        self._obeyed: set[str] = set()
        signals = part.settings.signals.values()
        # How old the newest data may be, and with it the oldest that the engine looks back on.
        self._recent = max((s.max_age + 2 * s.period for s in signals), default=0.0)
        self._reach = part.settings.lookback + self._recent
        self._news = News(self._reach)
        self._read_at: float | None = None
        self._evaluated: float | None = None
        self._snapshot: float | None = None
        self._unread: tuple[float, str] | None = None

    def take_up(self, state: State) -> None:
        """The target is this process's from now on, and stands there.

        What a dry run has kept from being done is to be tried again: this may be no dry run.
        """
        self.state = replace(state, idle=None)
        self.owned, self.standing_by = True, ""
        self._orders, self._obeyed, self._news = {}, set(), News(self._reach)
        self._snapshot = self._evaluated = self._read_at = self._unread = None
        if self.forecasts is not None:
            self.forecasts.begin()
        self._log.taken_up()

    def stand_by(self, holder: str, why: str) -> None:
        """Another process has the target."""
        self.owned, self.standing_by = False, f"standing by: {why}"
        self._log.standing_by(holder)

    def late(self, now: float) -> str:
        """Why the target is not looked after as it should be; empty where it is."""
        if not self.owned:
            return self.standing_by or "not taken up yet"
        if self.degraded:
            return self.degraded
        if self._evaluated is None:
            return "not evaluated yet"
        quiet = now - self._evaluated
        if quiet > self._pace.patience:
            return f"last evaluated {quiet:.0f} s ago"
        since, problem = self._unread or (now, "")
        return problem if now - since > self._pace.patience else ""

    def orders(self, waiting: Mapping[str, Command]) -> None:
        """What people want done, as the ledger has it; each is carried out once, at the next tick.

        The ledger may have been read before it was told that an order is carried out: such a
        one is remembered until it is gone from there.
        """
        self._obeyed &= waiting.keys()
        self._orders = {order: command for order, command in waiting.items() if order not in self._obeyed}

    async def tick(self) -> None:
        """One evaluation. Where the ledger cannot be written, it is as though it had not been."""
        if not self.owned:
            return
        self.busy = True
        try:
            await self._begin_stretch()
            await self._obey()
            await self._evaluate()
        except Conflict as error:
            # Whose is it, and where does it stand? The next time the ledger is asked, it will say.
            self.owned, self.standing_by = False, error.message
            self._log.failures.failed("ledger", error)
        except StoreError as error:
            self.degraded = error.message
            self._log.failures.failed("ledger", error, effect="no action is taken until it can be written")
        else:
            self.degraded, self._evaluated = "", self._clock.now()
            self._log.failures.works("ledger")
        finally:
            self.busy = False

    async def _begin_stretch(self) -> None:
        """At the start and then now and again, begin a stretch of the ledger that replays by itself."""
        now = self._clock.now()
        if self._snapshot is None or not 0 <= now - self._snapshot < self._pace.snapshot:
            await self._journal.snapshot(self.name, self.settings.model_dump_json(), self.state)
            self._snapshot = now

    async def _obey(self) -> None:
        for order, command in tuple(self._orders.items()):
            await self._put(Commanded(order, self._clock.now(), command))
            self._obeyed.add(order)
            self._orders.pop(order, None)

    async def _evaluate(self) -> None:
        request = f"{round(self._clock.now() * 1000):x}"  # short and alike, so that a fold stays small
        fleet, fleet_error = await self._try("group", self._actuator.observe(), request)
        samples, source_error = await self._try("metrics", self._read(), request)
        now = self._clock.now()
        if now < self.state.time:
            self._news.forget()  # the engine drops what now lies in the future
        if samples is not None:
            source_error = self._partial(now, request)
        told = () if samples is None or self._news.overtaken(now) else self._news.pick(samples, now)
        news = None if fleet is None else self._news.pick_fleet(fleet)
        errors = tuple(e for e in (fleet_error, source_error) if e)
        event = Observed(request, now, told, news, errors, blind=fleet is None)
        await self._foresee(event)
        effects = await self._put(event)
        self._news.keep(told, fleet, now)
        self._note(now, samples is not None, fleet_error or (source_error if samples is None else ""))
        for effect in effects:
            if isinstance(effect, Act):
                await self._act(effect.action, request)

    async def _foresee(self, event: Observed) -> None:
        """A forecast that knows what the event says, before that is decided upon."""
        if self.forecasts is None:
            return
        seen, _ = observe(self.state, event, event.time, self.settings)
        forecast = await self.forecasts.hear(seen, event.time)
        if forecast is not None:
            await self._put(Forecasted(event.id, event.time, forecast))

    def _partial(self, now: float, request: str) -> str:
        """What could not be read, or not be used, of what was read."""
        errors = tuple(self._source.errors)
        if self._news.overtaken(now):
            errors = (*errors, "clock: it is behind the datapoints there have been, so none is used")
        self._log.failures.partly("signal", errors, request_id=request)
        return "; ".join(errors)

    def _note(self, now: float, read: bool, problem: str) -> None:
        """Remember until when metrics were read, and since when something could not be."""
        if read:
            self._read_at = now
        since = self._unread[0] if self._unread else now
        self._unread = (since, problem) if problem else None

    async def _read(self) -> tuple[Sample, ...]:
        now = self._clock.now()
        missed = self._reach if self._read_at is None or now < self._read_at else now - self._read_at
        # All that is looked back on at first, and after a gap what was missed in it.
        back = min(self._recent + missed, self._reach)
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
        outcome = await self._apply(action, request)
        if outcome is not None:
            await self._put(Reported(request, self._clock.now(), outcome))

    async def _apply(self, action: Action, request: str) -> Outcome | None:
        try:
            outcome = await asyncio.wait_for(self._actuator.apply(action), self._pace.timeout)
        except Throttled as error:
            return Retry(action.id, error.after, error.message)
        except (Denied, NotFound) as error:
            return Refused(action.id, error.message)
        except Exception as error:  # noqa: BLE001 - whatever it is, it may have come after the write
            self._log.failures.failed("action", self._named(error), request_id=request, decision=action.id)
            return None
        self._log.failures.works("action", request_id=request, decision=action.id)
        return outcome

    async def _try(self, what: str, work: Awaitable[T], request: str) -> tuple[T | None, str]:
        """The result, or None and why. A failure is logged when it begins and when it ends."""
        try:
            result = await asyncio.wait_for(work, self._pace.timeout)
        except Exception as error:  # noqa: BLE001 - a bug in an adapter blinds its own target, no other
            error = self._named(error)
            self._log.failures.failed(what, error, request_id=request)
            return None, f"{what}: {in_words(error)}"
        self._log.failures.works(what, request_id=request)
        return result, ""

    def _named(self, error: Exception) -> Exception:
        """A timeout of ours has no text of its own."""
        if isinstance(error, TimeoutError) and not str(error):
            return TimeoutError(f"no answer within {self._pace.timeout:g} s")
        return error


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
