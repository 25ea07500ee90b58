"""Folding what was observed into the state: demand, signals, the fleet, and who changed it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from forescale.engine.settings import TargetSettings
from forescale.model.effect import Notice
from forescale.model.event import Observed
from forescale.model.fleet import FleetStatus
from forescale.model.sample import Load, Point, Sample, Unit
from forescale.model.state import State

# A sample from further ahead than this comes from a wrong clock; CloudWatch itself accepts
# datapoints up to two hours ahead.
_FUTURE = 60.0

T = TypeVar("T", bound=Load | Point)


def observe(state: State, event: Observed, cfg: TargetSettings) -> tuple[State, list[Notice]]:
    """The state with the event's fleet and samples in it, and what people should be told."""
    notices: list[Notice] = []
    fleet, expected, serving = state.fleet, state.expected, state.serving
    if event.fleet is not None:
        fleet = event.fleet
        if not serving or serving[-1].value != fleet.in_service:
            serving = (*serving, Point(event.time, fleet.in_service))
        if expected is not None and fleet.desired != expected and not _ours(state, fleet):
            text = f"desired capacity went {expected} → {fleet.desired}, not by forescale"
            notices.append(Notice(state.target, event.time, "foreign_write", text))
        expected = fleet.desired
    loads, signals = state.loads, state.signals
    if event.samples:
        samples = [s for s in event.samples if s.time <= event.time + _FUTURE]
        loads = _loads(loads, samples, serving, cfg)
        signals = _signals(signals, samples, cfg)
    state = msgspec.structs.replace(
        state, fleet=fleet, expected=expected, serving=serving, loads=loads, signals=signals
    )
    return _trim(state, event.time, cfg), notices


def _ours(state: State, fleet: FleetStatus) -> bool:
    return state.acting is not None and fleet.desired == state.acting.desired


def _loads(
    loads: tuple[Load, ...], samples: Iterable[Sample], serving: tuple[Point, ...], cfg: TargetSettings
) -> tuple[Load, ...]:
    if cfg.demand is None:
        return loads
    name = cfg.demand.signal
    period = cfg.signals[name].period
    for sample in samples:
        if sample.signal == name:
            count = _serving_at(serving, sample.time + period)
            load = Load(sample.time, _demand(sample, count, cfg), count)
            loads = _insert(loads, load)
    return loads


def _demand(sample: Sample, serving: int, cfg: TargetSettings) -> float | None:
    # A modelled value never acts alone, so as a load it counts as absent.
    if sample.value is None or sample.estimated or cfg.demand is None:
        return None
    per_instance, scope = cfg.demand.per_instance, cfg.demand.scope
    if cfg.signals[cfg.demand.signal].unit is Unit.PERCENT:
        per_instance, scope = per_instance or 100.0, scope or "instance"
    demand = sample.value / (per_instance or 1.0)
    return demand * serving if scope == "instance" else demand


def _signals(
    signals: dict[str, tuple[Point, ...]], samples: Iterable[Sample], cfg: TargetSettings
) -> dict[str, tuple[Point, ...]]:
    if not cfg.read:
        return signals
    signals = dict(signals)
    for sample in samples:
        if sample.signal in cfg.read:
            value = None if sample.estimated else sample.value
            signals[sample.signal] = _insert(signals.get(sample.signal, ()), Point(sample.time, value))
    return signals


def _insert(series: tuple[T, ...], item: T) -> tuple[T, ...]:
    """In its place: late data goes where it belongs, a corrected bucket replaces the old one."""
    if not series or series[-1].time < item.time:
        return (*series, item)
    i = bisect_left(series, item.time, key=lambda x: x.time)
    return (*series[:i], item, *series[i + (series[i].time == item.time) :])


def _serving_at(serving: tuple[Point, ...], time: float) -> int:
    i = bisect_right(serving, time, key=lambda p: p.time)
    return int(serving[max(i - 1, 0)].value or 0) if serving else 0


def _trim(state: State, now: float, cfg: TargetSettings) -> State:
    """Forget what no policy looks at any more; keep the newest of everything."""
    keep = cfg.lookback
    if cfg.demand is not None:
        signal = cfg.signals[cfg.demand.signal]
        oldest = now - keep - signal.max_age - 2 * signal.period
        loads, serving = state.loads, state.serving
        if loads and loads[0].time < oldest:
            loads = loads[bisect_left(loads, oldest, key=lambda x: x.time) :]
        if len(serving) > 1 and serving[1].time < oldest:
            serving = serving[bisect_right(serving, oldest, key=lambda p: p.time) - 1 :]
        state = msgspec.structs.replace(state, loads=loads, serving=serving)
    for name, points in state.signals.items():
        oldest = now - keep - cfg.signals[name].max_age - 2 * cfg.signals[name].period
        if points and points[0].time < oldest:
            kept = points[bisect_left(points, oldest, key=lambda x: x.time) :]
            state = msgspec.structs.replace(state, signals={**state.signals, name: kept})
    return state
