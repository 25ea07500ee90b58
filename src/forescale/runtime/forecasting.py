"""Forecasts at run time: demand is gathered, models learn beside the loop, each minute has its forecast.

None of it is ever waited for: without history, models or a forecast, a target is evaluated all the same.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
import structlog

from forescale.engine.settings import TargetSettings
from forescale.forecast.base import KEEP
from forescale.forecast.pipeline import Pipeline, rows
from forescale.model.errors import StoreError
from forescale.model.forecast import Forecast, NotReady
from forescale.model.protocols import Clock
from forescale.model.settings import format_duration
from forescale.model.state import State
from forescale.policy.guards import highest
from forescale.runtime.forecasting_demand import MINUTE, Demand
from forescale.runtime.forecasting_files import Memory, ModelFiles, Unusable, describe, settings_key
from forescale.runtime.forecasting_jobs import Job, Trained, TrainingFailed, newest, unpack
from forescale.runtime.forecasting_times import (
    LONGEST_RETRY,
    NEEDED,
    RETRY,
    extended,
    next_fit,
    pause_after,
    steps_of,
)
from forescale.runtime.forecasting_workers import Workers
from forescale.runtime.log import Failures
from forescale.series.regular import Floats, Series

PATIENCE = 1.0
"""Seconds that an evaluation waits for its forecast; one that takes longer is there at the next."""

_SAVED_EVERY = 900.0
_CAUGHT_UP = 1440  # steps that are gone through after a gap; selection remembers no more
_GRACE = 5.0  # seconds for what is kept at the end; without it, some minutes are read again
_READING = 4  # targets that read their history at once
_AGES, _ENOUGH_AGES = 15, 5
_OLDEST = 180.0  # what is older at the start is no delay, but a hole
_NEW = 30.0  # seconds: demand of this age is of the minute that has just ended
_SOONER = 3600.0  # the least time between two fits where a lead time has become another

T = TypeVar("T")


@dataclass(frozen=True)
class Buckets:
    """A past that was read: demand in instances and what served, NaN where not known, `step` seconds wide."""

    times: Floats
    demand: Floats
    serving: Floats
    step: float


Past = Callable[[float, float], Awaitable[list[Buckets]]]
"""Reads the past from a time to a time. Raises an `AdapterError` where it cannot be read."""


class Forecasting:
    """What the targets of a process share: workers, a thread for what is quick, a directory.

    `settings` are those of the targets that have forecasts; `pasts` read their history, where a
    source can.
    """

    def __init__(
        self,
        settings: Mapping[str, TargetSettings],
        pasts: Mapping[str, Past],
        *,
        workers: Workers,
        folder: Path,
        clock: Clock,
    ) -> None:
        self.workers, self.folder, self.clock = workers, folder, clock
        self.thread = ThreadPoolExecutor(1, "forecast")
        self.reading = asyncio.Semaphore(_READING)
        self.targets = {name: TargetForecasts(name, s, self, pasts.get(name)) for name, s in settings.items()}

    def target(self, name: str) -> "TargetForecasts | None":
        """The forecasts of a target; None where it has none."""
        return self.targets.get(name)

    async def close(self) -> None:
        """End what is under way, and keep what is known, as far as that can be done in a moment."""
        closing = [asyncio.create_task(target.close()) for target in self.targets.values()]
        _, slow = await asyncio.wait(closing, timeout=_GRACE)
        for task in slow:
            task.cancel()
        await self.workers.close()
        await asyncio.to_thread(self.thread.shutdown, wait=True, cancel_futures=True)


class TargetForecasts:
    """One target's demand, models and forecasts. Everything but the arithmetic is done on the event loop.

    `lacking` says why there is no forecast; empty where there is one.
    """

    def __init__(self, name: str, settings: TargetSettings, shared: Forecasting, past: Past | None) -> None:
        self.name, self.lacking = name, "nothing has been seen yet"
        self._settings, self._shared, self._past = settings, shared, past
        self._log = structlog.get_logger().bind(target=name)
        self._failures = Failures(target=name)
        self._files = ModelFiles(shared.folder, name, settings_key(settings))
        self._steps = round(min(settings.forecast.history / MINUTE, KEEP))
        self._phase = int(sha256(name.encode()).hexdigest()[:8], 16) % round(settings.forecast.refit)
        self._tasks: set[asyncio.Task[None]] = set()
        self.begin()

    def begin(self) -> None:
        """The target is this process's from now on: find out anew what is known of it."""
        for task in self._tasks:
            task.cancel()
        self._demand = Demand(self._steps)
        self._pipeline: Pipeline | None = None
        self._lead = 0  # of the pipeline, in steps
        self._at = 0.0  # the end of the step up to which it has advanced
        self._fresh: Trained | None = None  # to be adopted by the next advance
        self._advancing: asyncio.Future[Forecast | NotReady | None] | None = None
        self._due = self._trained_at = 0.0  # when models are to be trained, and were
        self._warm = False  # the whole past is to be gone through, for more of it is known now
        self._training = self._restored = self._started = False
        self._failed = self._spoilt = 0
        self._saved = self._shared.clock.now() - self._phase % _SAVED_EVERY  # not all at once
        self._deploys: tuple[tuple[float, float], ...] = ()
        self._ages: deque[float] = deque(maxlen=_AGES)  # of the newest demand, when it came
        self._seen: tuple[float, int | None] = (self._settings.lead_time, None)
        self._told: dict[str, Any] = {}

    async def hear(self, state: State, now: float) -> Forecast | None:
        """What the engine knows now; the forecast, where there is a new one. Never raises."""
        try:
            return await self._hear(state, now)
        except Exception as error:  # noqa: BLE001 - a target is evaluated, whatever becomes of its forecast
            self._failures.failed("forecast", error, effect="the target is evaluated without a new one")
            return None

    async def close(self) -> None:
        """End what is under way, and keep what is known."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._started and self._restored:
            await self._save()

    async def _hear(self, state: State, now: float) -> Forecast | None:
        if not self._started:
            self._started = True
            self._spawn(self._restore(now))
        self._note(state, now)
        if self._restored and not self._training and (now >= self._due or self._too_short(now)):
            self._plan(now)
        if now - self._saved >= _SAVED_EVERY and self._restored:
            self._saved = now
            self._spawn(self._save())
        return await self._forecast()

    def _note(self, state: State, now: float) -> None:
        if self._demand.end > now + MINUTE:
            self._demand.cut_off(now)
            self._at = min(self._at, self._demand.end)
        known = self._demand.end
        self._demand.hear(state.loads, self._settings.period, now)
        if 0 < known < self._demand.end:
            self._ages.append(max(now - self._demand.end, 0.0))
        fleet = state.fleet
        if fleet is None:
            return
        lead = fleet.lead_time.seconds if fleet.lead_time is not None else self._settings.lead_time
        self._seen = (lead, highest(self._settings.guards, fleet))
        if fleet.refreshing:
            self._deploys = extended(self._deploys, now, now - self._steps * MINUTE)

    # --- Forecasts

    async def _forecast(self) -> Forecast | None:
        """The newest forecast; at most one is in the making, and no evaluation waits for long."""
        if self._advancing is None and self._news():
            series, fresh = self._demand.series(), self._fresh
            self._fresh = None
            loop = asyncio.get_running_loop()
            self._advancing = loop.run_in_executor(self._shared.thread, self._advance, series, fresh)
        if self._advancing is None:
            return self._say(None)
        done, _ = await asyncio.wait({self._advancing}, timeout=PATIENCE)
        if not done:
            return None
        future, self._advancing = self._advancing, None
        try:
            return self._say(future.result())
        except Exception:
            self._start_over()
            raise

    def _start_over(self) -> None:
        """A pipeline that raises, from a file of another build it may be, is made anew."""
        self._pipeline, self._fresh, self._lead = None, None, 0
        self._spoilt += 1
        self._due = self._shared.clock.now() + pause_after(self._spoilt)

    def _news(self) -> bool:
        return self._demand.end > self._at and (self._pipeline is not None or self._fresh is not None)

    def _advance(self, series: Series, fresh: Trained | None) -> Forecast | NotReady | None:
        """In the thread: all the steps that have passed since the last time."""
        if fresh is not None:
            self._adopt(fresh)
        pipeline, since = self._pipeline, self._at
        if pipeline is None or series.end <= since:
            return fresh.forecast if fresh is not None else None
        self._at = series.end  # whatever happens, it is not tried again with the same
        return catch_up(pipeline, series, since)

    def _adopt(self, fresh: Trained) -> None:
        if fresh.pipeline is not None:
            self._pipeline, self._lead, self._at = fresh.pipeline, fresh.lead, fresh.models.time
        if self._pipeline is not None and self._lead == fresh.lead:
            self._pipeline.adopt(fresh.models)

    def _say(self, said: Forecast | NotReady | None) -> Forecast | None:
        """Pass a forecast on. Where there is none, log it when that begins, becomes another and ends."""
        if isinstance(said, Forecast):
            self._failures.works("forecast")
            self._spoilt = 0
            self._tell("")
            return said
        if said is not None:
            self._tell(said.missing)
        elif self._pipeline is None and self._fresh is None:
            self._tell(self._why_none())
        return None

    def _why_none(self) -> str:
        if not self._restored:
            return "the history is being read"
        if self._demand.known < NEEDED:
            return f"{format_duration(NEEDED * MINUTE)} of demand are needed before anything can be learned"
        if self._spoilt:
            return "the models have failed; they are made anew"
        if self._failed and not self._training:
            return "training has failed; it is tried again"
        return "the first models are being trained"

    def _tell(self, lacking: str) -> None:
        if lacking == self.lacking:
            return
        self.lacking = lacking
        if lacking:
            self._log.info("no forecast", why=lacking)
        else:
            self._log.info("forecasts are made")
        self._publish()

    def _publish(self, **more: Any) -> None:
        """Write down in words how it stands."""
        self._told |= more
        about = {"target": self.name, "since": self._shared.clock.now(), "lacking": self.lacking}
        self._spawn(self._write(lambda: self._files.tell(about | self._told)))

    # --- Training

    def _plan(self, now: float) -> None:
        """Train, where there is enough to learn from."""
        known = self._demand.known
        if known < NEEDED:
            self._due = now + MINUTE
            return
        self._training = True
        self._spawn(self._train(warm=self._pipeline is None or self._warm or self._other_lead()))

    def _wanted(self) -> int:
        """How many steps forecasts must reach: a lead time, from data of that age, until there is newer."""
        period = self._settings.period
        if len(self._ages) < _ENOUGH_AGES and self._lead:
            return self._lead
        now = self._shared.clock.now()
        age = median(self._ages or [min(now - self._demand.end - period / 2, _OLDEST)])
        late = max(age - _NEW, 0.0) + max(period - MINUTE, 0.0)
        return steps_of(self._seen[0] + late, self._lead)

    def _too_short(self, now: float) -> bool:
        """Capacity takes longer now than the forecasts reach."""
        longer = self._pipeline is not None and self._wanted() > self._lead
        return longer and not self._failed and now - self._trained_at >= _SOONER

    def _other_lead(self) -> bool:
        return self._wanted() != self._lead

    async def _train(self, *, warm: bool) -> None:
        def make() -> Job:
            lead = self._wanted() if warm else self._lead
            return Job(
                self.name,
                self._demand.series(),
                self._settings.forecast,
                lead,
                self._demand.serving(),
                self._seen[1],
                self._deploys,
                warm,
            )

        try:
            packed = await self._shared.workers.do(make)
            trained = await self._in_thread(lambda: _unpacked(packed))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._failed += 1
            pause = pause_after(self._failed)
            self._due = self._shared.clock.now() + pause
            self._failures.failed("training", error, again=f"in {format_duration(pause)}")
        else:
            await self._trained(trained, packed)
        finally:
            self._training = False

    async def _trained(self, trained: Trained, packed: bytes) -> None:
        self._failed, self._warm, self._fresh = 0, self._warm and trained.pipeline is None, trained
        self._failures.works("training")
        self._trained_at = now = self._shared.clock.now()
        models = trained.models
        self._due = next_fit(now, self._settings.forecast.refit, self._phase, len(self._demand) * MINUTE)
        self._log.info(
            "models trained",
            models=[name for name in models.fitted if name not in models.missing],
            known=format_duration(models.steps * MINUTE),
            seconds=round(trained.seconds, 1),
            **({"missing": dict(models.missing)} if models.missing else {}),
        )
        self._publish(**describe(trained), trained_at=now)
        await self._write(lambda: self._files.save_models(packed, trained))

    # --- What outlives the process

    async def _restore(self, now: float) -> None:
        """What was kept, and then what has been missed; done once, whatever fails."""
        memory = await self._in_thread(self._load)
        if memory is not None:
            self._demand.take(memory.start, memory.demand, memory.serving)
            self._deploys = memory.deploys
        since = now - self._steps * MINUTE
        if memory is not None and memory.demand.size:
            since = max(since, memory.start + len(memory.demand) * MINUTE - MINUTE)
        pause, clock, read = RETRY, self._shared.clock, await self._read_past(since)
        self._restored = True
        while not read:
            await clock.sleep_until(clock.now() + pause)
            pause, read = min(2 * pause, LONGEST_RETRY), await self._read_past(since)
            if read:
                self._warm, self._due = True, 0.0

    async def _read_past(self, since: float) -> bool:
        """Whether the past has been read, or there is none. It goes beneath what is known by now."""
        now = self._shared.clock.now()
        if self._past is None or now - since < 2 * MINUTE:
            return True
        try:
            async with self._shared.reading:
                found = await self._past(since, now)
        except Exception as error:  # noqa: BLE001 - the demand to come will do
            self._failures.failed("history", error)
            return False
        self._failures.works("history")
        for buckets in found:
            self._demand.fill(buckets.times, buckets.demand, buckets.serving, buckets.step)
        self._log.info("history read", known=format_duration(self._demand.known * MINUTE))
        return True

    def _load(self) -> Memory | None:
        """In the thread: pipeline and models, as far as both can be trusted; its demand even alone."""
        trained, memory = self._usable(self._files.load_models), self._usable(self._files.load_memory)
        if memory is None or memory.pipeline is None:
            return memory
        if trained is None or trained.lead != memory.lead:
            return memory
        self._pipeline, self._lead, self._at = memory.pipeline, memory.lead, memory.at
        memory.pipeline.adopt(trained.models)
        self._trained_at = self._shared.clock.now()
        age = trained.models.time
        self._due = next_fit(age, self._settings.forecast.refit, self._phase, trained.models.steps * MINUTE)
        self._told = describe(trained) | {"trained_at": age}
        self._log.info("models reloaded", models=list(trained.models.fitted), trained_until=age)
        return memory

    def _usable(self, load: Callable[[], T | None]) -> T | None:
        try:
            return load()
        except Unusable as error:
            self._log.warning("models not reloaded", why=str(error), effect="they are trained anew")
            return None

    async def _save(self) -> None:
        series, serving = self._demand.series(), self._demand.serving()
        await self._write(lambda: self._save_memory(series, serving))

    def _save_memory(self, series: Series, serving: Floats) -> None:
        """In the thread, so that no pipeline is kept in the middle of a step."""
        pipeline = self._pipeline
        models = pipeline.models if pipeline is not None else None
        if pipeline is not None:
            pipeline.models = None  # they have a file of their own
        try:
            memory = Memory(
                pipeline,
                self._lead,
                self._at,
                series.start,
                series.values,
                serving,
                self._deploys,
            )
            self._files.save_memory(memory)
        finally:
            if pipeline is not None:
                pipeline.models = models

    async def _write(self, work: Callable[[], None]) -> None:
        try:
            await self._in_thread(work)
        except StoreError as error:
            self._failures.failed("models", error, effect="they are trained anew after a restart")
        else:
            self._failures.works("models")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._shared.thread, work)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - a bug beside the loop must not end it
            self._failures.failed("forecasting", error)


def catch_up(pipeline: Pipeline, series: Series, since: float) -> Forecast | NotReady | None:
    """Advance a pipeline over the steps of a series that end after `since`: the last forecast.

    After a long gap, only over the newest. Where what was measured of the models is told on the
    way, it is told with the last.
    """
    steps = min(round((series.end - since) / series.step), len(series), _CAUGHT_UP)
    origins = np.arange(len(series) - steps + 1, len(series) + 1)
    said = rows(pipeline.models, series, origins) if pipeline.models is not None and steps else None
    found = []
    for place, origin in enumerate(origins.tolist()):
        seen = series.cut(max(origin - pipeline.horizon, 0), origin)
        found.append(pipeline.advance(seen, None if said is None else said[place]))
    return newest(found)


def _unpacked(packed: bytes) -> Trained:
    trained = unpack(packed)
    if not isinstance(trained, Trained):
        raise TrainingFailed("a worker's answer is no models: does it run the same version of forescale?")
    return trained
