"""What the tests of forecasting at run time share: a past in memory, and workers that can be watched."""

from contextlib import asynccontextmanager

import numpy as np

from forescale.runtime.forecasting import Buckets, Forecasting
from forescale.runtime.forecasting_workers import LocalWorkers
from forescale.runtime.runtime import Runtime
from forescale.runtime.target import Pace, Part
from runtime_world import HOUSEKEEPING, MINUTE, START, Stage, World, _running, target, until

DAY = 86400.0
QUICKLY = {"models": ["persistence", "seasonal_naive"], "refit": "1d", "history": "3d"}


def load(time):
    """A day of load, in instances; a little different each minute, the same at each call."""
    day = 3.0 + 2.0 * np.sin(2 * np.pi * time / DAY)
    return day * (1 + 0.05 * np.sin(time * 0.37) + 0.03 * np.cos(time * 1.91))


def predictive(**fields):
    own = {"policies": [{"type": "predictive", "budget": "1%"}], "lead_time": "4m", "forecast": QUICKLY}
    return target(**own | fields)


class PastOf:
    """A source's history: `days` of it before the start, and how often it was asked for."""

    def __init__(self, days, fault=None, late=0.0):
        self.days, self.fault, self.late, self.asked = days, fault, late, []

    async def __call__(self, since, until):
        self.asked.append((since, until))
        if self.fault is not None:
            raise self.fault
        first = max(since, START - self.days * DAY)
        times = np.arange(np.ceil(first / MINUTE) * MINUTE, until - self.late - MINUTE + 1, MINUTE)
        demand = load(times)
        return [Buckets(times, demand, np.ceil(demand), MINUTE)]


class Watched(LocalWorkers):
    """How many jobs were done, and which were asked for; `before` is called at each."""

    def __init__(self, before=lambda job: None):
        super().__init__(1)
        self.jobs, self.done, self.before = [], 0, before

    async def do(self, make):
        def watched():
            self.jobs.append(make())
            self.before(self.jobs[-1])
            return self.jobs[-1]

        packed = await super().do(watched)
        self.done += 1
        return packed


@asynccontextmanager
async def forecasting(
    ledger, clock, folder, *, past=None, workers=None, settings=None, names=("web",), **pace
):
    """The real runtime with the real forecasting, on groups in memory whose load is `load`."""
    settings = settings or predictive()
    worlds = {name: World(clock, desired=6, load=load(clock.now())) for name in names}
    workers = workers or Watched()
    shared = Forecasting(
        dict.fromkeys(names, settings),
        dict.fromkeys(names, past) if past else {},
        workers=workers,
        folder=folder,
        clock=clock,
    )
    entries, pace = [], Pace(**({"interval": 30.0, "grace": 0.2} | pace))
    parts = [Part(name, settings, world, world) for name, world in worlds.items()]
    runtime = Runtime(
        parts, ledger, clock, holder="test", pace=pace, watch=entries.append, forecasting=shared
    )
    stage = Stage(runtime, clock, pace.interval, entries, len(names) + HOUSEKEEPING)
    stage.shared, stage.workers, stage.worlds = shared, workers, worlds
    stage.forecasts = shared.targets[names[0]]
    async with _running(stage):
        yield stage


async def minutes(stage, count):
    """So many minutes of load, evaluated as often as the pace says."""
    for _ in range(round(count * MINUTE / stage.interval)):

        def publish():
            now = stage.clock.now() // MINUTE * MINUTE - MINUTE
            for world in stage.worlds.values():
                world.published.setdefault(now, float(100 * load(now) / max(world.desired, 1)))

        await stage.ticks(1, before=publish)


async def trained(stage, count=1):
    """Wait in real time until so many jobs are done and what came of them is kept."""
    await until(lambda: stage.workers.done >= count and not stage.forecasts._training, 60)
    await settled(stage)


async def settled(stage):
    """Until nothing is written, read or trained any more."""
    await until(lambda: not any(t._tasks for t in stage.shared.targets.values()), 60)
