"""Runs strategies over a recorded load through the same `step` that decides live."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isnan

import numpy as np

from forescale.engine.settings import TargetSettings
from forescale.engine.step import step
from forescale.forecast.walk import walk
from forescale.model.decision import Decision
from forescale.model.effect import Act, Decided, Done
from forescale.model.errors import ConfigError
from forescale.model.event import Forecasted, Observed, Reported
from forescale.model.forecast import Forecast, NotReady
from forescale.model.state import State
from forescale.series.regular import Series
from forescale.series.trace import Floats, Trace
from forescale.sim.baselines import oracle_run, static, target_tracking
from forescale.sim.measures import Score, score
from forescale.sim.oracle import Ints, needed
from forescale.sim.plant import Plant
from forescale.sim.run import Run
from forescale.sim.telemetry import Telemetry

Forecasts = Sequence[Forecast | NotReady]

Progress = Callable[[int], None]
"""Called now and then with the minutes done since the last call."""

Watch = Callable[[int, State, Decision], None]
"""Called at the end of each minute with what was decided, and the state it was decided in."""

_TELL_EVERY = 720


@dataclass(frozen=True)
class Backtest:
    """Strategies on one load: their measures, and what they did.

    `load` (in instances), `runs` and `start` (seconds since the epoch) are of the scored
    part, which begins after `warmup` minutes; `lead` is the boot time in minutes. `notes` say
    in words what a reader of the figures should know.
    """

    strategies: dict[str, Score]
    start: float
    load: Floats
    runs: dict[str, Run]
    lead: int
    warmup: int
    notes: tuple[str, ...]

    @property
    def configured(self) -> Run:
        """What the target's own settings did."""
        return self.runs["configured"]


def backtest(
    cfg: TargetSettings,
    trace: Trace,
    *,
    peak_instances: int,
    lead: int,
    warmup: int,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Backtest:
    """Compare a target's settings with target tracking, a static peak and the oracle.

    The load is scaled so that its 99.9th percentile needs `peak_instances`, which is also
    the static capacity: what somebody who does not scale would provision, short of the
    rarest spikes. `lead` and `warmup` are in minutes; warm-up is at most half the trace.
    `watch` is called with every decision of the configured target, warm-up included.
    """
    trace, warmup = trace.scaled(peak_instances), min(warmup, len(trace) // 2)
    load = trace.load[warmup:]
    run, notes = play(cfg, trace, lead, progress=progress, watch=watch)
    runs = {
        "configured": run.after(warmup),
        "target-tracking": target_tracking(trace, lead).after(warmup),
        "static-peak": static(peak_instances, len(load)),
    }
    notes = (*notes, *_limits(cfg, load))
    return Backtest(compare(runs, load, lead), trace.time(warmup), load, runs, lead, warmup, notes)


def play(
    cfg: TargetSettings,
    trace: Trace,
    lead: int,
    *,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> tuple[Run, tuple[str, ...]]:
    """What a target's settings do with a load (in instances), and notes on what it had to leave out.

    Every command that simulates a configuration does it here.
    """
    driven, notes = drivable(alone(cfg))
    if cfg.experiment is not None:
        notes = (*notes, "the experiment is left out: only its control is scored (see forescale ab plan)")
    forecasts = forecast_each_minute(driven, trace, lead, progress)
    return simulate(driven, trace, lead, progress=progress, watch=watch, forecasts=forecasts), notes


def alone(cfg: TargetSettings) -> TargetSettings:
    """The settings without strategies in the shadow that nobody asks about, and without an experiment."""
    if not cfg.shadow and cfg.experiment is None:
        return cfg
    fields = {name: getattr(cfg, name) for name in TargetSettings.model_fields}
    return TargetSettings.model_construct(**fields | {"shadow": {}, "experiment": None})


def drivable(cfg: TargetSettings) -> tuple[TargetSettings, tuple[str, ...]]:
    """The settings without the policies that read what a load cannot tell, and which those are.

    Such a policy would see nothing, and rightly hold back every scale-in. Raises
    `ConfigError` where no policy is left.
    """
    if cfg.demand is None:
        return cfg, ()  # refused where the demand signal is to be made
    demand = cfg.demand.signal
    blind = [p for p in cfg.policies if getattr(p, "signal", demand) != demand]
    if not blind:
        return cfg, ()
    kept = tuple(policy for policy in cfg.policies if policy not in blind)
    names = ", ".join(f"{policy.label} ({getattr(policy, 'signal', '')})" for policy in blind)
    if not kept:
        raise ConfigError(
            f"every policy reads a signal that the trace does not have: {names}",
            hint=f"a backtest has the demand signal only, {demand!r}",
        )
    fields = {name: getattr(cfg, name) for name in TargetSettings.model_fields} | {"policies": kept}
    note = f"left out, because the trace has the demand signal only: {names}"
    return TargetSettings.model_construct(**fields), (note,)


def _limits(cfg: TargetSettings, load: Floats) -> Iterator[str]:
    peak, highest = int(needed(load).max()), cfg.guards.max
    if highest is not None and peak > highest:
        yield f"guards.max is {highest}, but the load needs up to {peak} instances: it cannot be met"
    if cfg.guards.min > peak:
        yield f"guards.min is {cfg.guards.min}, but the load never needs more than {peak} instances"


def simulate(
    cfg: TargetSettings,
    trace: Trace,
    lead: int,
    *,
    drain: int = 0,
    extra_boot: Iterator[int] | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
    forecasts: Forecasts = (),
) -> Run:
    """Drive a simulated group with a load (in instances) under `cfg`; `lead`, `drain` in minutes.

    What is seen at the end of a minute decides; see `Plant` for what follows. The group
    starts with what the first known minute needs. `forecasts` holds what was forecast after each
    minute; see `forecast_each_minute`.
    """
    first = next((value for value in trace.load.tolist() if not isnan(value)), 0.0)
    plant = Plant(ceil(first), lead, start=trace.start, drain=drain, extra_boot=extra_boot)
    telemetry, state = Telemetry(cfg), State("backtest")
    serving, billed, desired = [], [], []
    for minute, load in enumerate(trace.load.tolist()):
        plant.begin(minute)
        serving.append(plant.serving)
        billed.append(plant.billed)
        samples = telemetry.minute(trace.time(minute), load, plant.serving)
        plant.begin(minute + 1)  # what boots in this minute is there when its end is looked at
        seen = Observed(str(minute), trace.time(minute + 1), samples, plant.news())
        if forecasts:
            state = _foresee(state, forecasts[minute], seen, cfg)
        state = _decide(state, seen, plant, cfg, minute, watch)
        desired.append(plant.desired)
        if progress is not None and (minute + 1) % _TELL_EVERY == 0:
            progress(_TELL_EVERY)
    return Run(_ints(serving), _ints(billed), _ints(desired))


def forecast_each_minute(
    cfg: TargetSettings, trace: Trace, lead: int, progress: Progress | None = None
) -> Forecasts:
    """What would have been forecast of a load after each of its minutes; nothing if nobody asks for it.

    It depends on the load, the lead time, `cfg.forecast` and `cfg.carried` only: strategies may share it.
    """
    if not cfg.forecasts:
        return ()
    series = Series(trace.start, trace.load)
    return walk(series, cfg.forecast, lead, carried=cfg.carried, progress=progress).forecasts


def _foresee(state: State, forecast: Forecast | NotReady, seen: Observed, cfg: TargetSettings) -> State:
    """The forecast reaches the target just before it is evaluated."""
    if isinstance(forecast, NotReady):
        return state
    return step(state, Forecasted(seen.id, seen.time, forecast), cfg)[0]


def _decide(
    state: State, seen: Observed, plant: Plant, cfg: TargetSettings, minute: int, watch: Watch | None
) -> State:
    """The end of a minute: evaluate, and do at once what was decided."""
    state, effects = step(state, seen, cfg)
    for effect in effects:
        if watch is not None and isinstance(effect, Decided):
            watch(minute, state, effect.decision)
        if isinstance(effect, Act):
            plant.resize(effect.action.desired, minute)
            done = Done(effect.action.id, effect.action.desired)
            state, _ = step(state, Reported(seen.id, seen.time, done), cfg)
    return state


def compare(runs: Mapping[str, Run], load: Floats, lead: int) -> dict[str, Score]:
    """The measures of each run over the scored minutes, and of the oracle under its name."""
    best = oracle_run(load, lead)
    runs = {**runs, "oracle": best}
    return {
        name: score(load, run.serving, run.billed, run.desired, best.billed) for name, run in runs.items()
    }


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
