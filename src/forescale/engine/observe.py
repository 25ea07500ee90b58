"""Folding what was observed into the state: demand, signals, the fleet, and who changed it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from math import isfinite
from typing import TypeVar

import msgspec

from forescale.engine.settings import TargetSettings
from forescale.model.effect import Action, Notice
from forescale.model.event import Observed
from forescale.model.fleet import FleetStatus
from forescale.model.sample import Load, Point, Sample, Unit
from forescale.model.state import State
from forescale.policy.base import MOST

# A sample from further ahead than this comes from a wrong clock; CloudWatch itself accepts
# datapoints up to two hours ahead.
_FUTURE = 60.0

T = TypeVar("T", bound=Load | Point)


def observe(state: State, event: Observed, now: float, cfg: TargetSettings) -> tuple[State, list[Notice]]:
    """The state with the event's fleet and samples in it, and what people should be told."""
    notices: list[Notice] = []
    fleet, expected, serving = state.fleet, state.expected, state.serving
    fleet = fleet if event.fleet is None else event.fleet
    if fleet is not None and not event.blind:
        if not serving or serving[-1].value != fleet.in_service:
            serving = (*serving, Point(now, float(fleet.in_service)))
        if expected is not None and fleet.desired != expected and not _ours(state.acting, fleet):
            text = f"desired capacity went {expected} → {fleet.desired}, not by forescale"
            notices.append(Notice(state.target, now, "foreign_write", text))
        expected = fleet.desired
    loads, signals = state.loads, state.signals
    if event.samples:
        samples = [s for s in event.samples if s.time <= now + _FUTURE and s.instance is None]
        loads = _loads(loads, samples, serving, cfg)
        signals = _signals(signals, samples, cfg)
    loads, serving = recent_loads(loads, serving, now, cfg)
    state = msgspec.structs.replace(
        state,
        fleet=fleet,
        expected=expected,
        serving=serving,
        loads=loads,
        signals=_recent_signals(signals, now, cfg) if signals else signals,
    )
    return state, notices


def _ours(acting: Action | None, fleet: FleetStatus) -> bool:
    """The desired capacity is where the action in flight leads, or on its way there."""
    if acting is None:
        return False
    return fleet.desired == acting.desired or under_way(acting, fleet)


def under_way(action: Action, fleet: FleetStatus) -> bool:
    """Part of the action is done: a scale-in that terminates one instance after the other."""
    return action.desired < fleet.desired < action.previous


def _loads(
    loads: tuple[Load, ...], samples: Iterable[Sample], serving: tuple[Point, ...], cfg: TargetSettings
) -> tuple[Load, ...]:
    if cfg.demand is None:
        return loads
    name = cfg.demand.signal
    period = cfg.signals[name].period
    for sample in samples:
        if sample.signal == name:
            count = mean_serving(serving, sample.time, sample.time + period)
            loads = _insert(loads, Load(float(sample.time), demand_of(sample, count, cfg), count))
    return loads


def demand_of(sample: Sample, serving: float, cfg: TargetSettings) -> float | None:
    """The demand, in instances, that a sample of the demand signal stands for; None where it cannot be known.

    Args:
        sample: of the signal that `cfg.demand` names.
        serving: the mean number in service over its bucket.
        cfg: says what one instance carries.
    """
    value = _value(sample)
    if value is None or cfg.demand is None:
        return None
    per_instance, scope = cfg.demand.per_instance, cfg.demand.scope
    if cfg.signals[cfg.demand.signal].unit is Unit.PERCENT:
        per_instance, scope = per_instance or 100.0, scope or "instance"
    demand = value / (per_instance or 1.0)
    if scope == "instance":
        if not serving:  # none, or not known how many: then what they carry is not known either
            return None
        demand *= serving
    return demand if 0 <= demand <= MOST else None  # beyond, it cannot be a load


def _value(sample: Sample) -> float | None:
    """The value, as the float that a replay will read. A modelled value never acts alone: it is absent."""
    if sample.value is None or sample.estimated or not isfinite(sample.value):
        return None
    return float(sample.value)


def _signals(
    signals: dict[str, tuple[Point, ...]], samples: Iterable[Sample], cfg: TargetSettings
) -> dict[str, tuple[Point, ...]]:
    if not cfg.read:
        return signals
    signals = dict(signals)
    for sample in samples:
        if sample.signal in cfg.read:
            points = signals.get(sample.signal, ())
            signals[sample.signal] = _insert(points, Point(float(sample.time), _value(sample)))
    return signals


def _insert(series: tuple[T, ...], item: T) -> tuple[T, ...]:
    """In its place: late data goes where it belongs, a corrected bucket replaces the old one.

    Silence takes no measurement away, so that the order in which things are told does not matter.
    """
    if not series or series[-1].time < item.time:
        return (*series, item)
    i = bisect_left(series, item.time, key=lambda x: x.time)
    old = series[i]
    if old.time != item.time:
        return (*series[:i], item, *series[i:])
    if _is_absent(item) and not _is_absent(old):
        return series
    return (*series[:i], item, *series[i + 1 :])


def _is_absent(item: Load | Point) -> bool:
    return (item.demand if isinstance(item, Load) else item.value) is None


def mean_serving(serving: tuple[Point, ...], start: float, end: float) -> float:
    """The mean number in service over [start, end), from the change points.

    A utilisation is a mean over its bucket, so it must be multiplied by the mean of those who
    shared the load: by the number at the end, capacity that arrives would look like demand.
    """
    if not serving:
        return 0.0
    first = max(bisect_right(serving, start, key=lambda p: p.time) - 1, 0)
    if first == len(serving) - 1 or serving[first + 1].time >= end:
        return serving[first].value or 0.0
    total, since, value = 0.0, start, serving[first].value or 0.0
    for point in serving[first + 1 :]:
        if point.time >= end:
            break
        total, since, value = total + value * (point.time - since), point.time, point.value or 0.0
    return (total + value * (end - since)) / (end - start)


def recent_loads(
    loads: tuple[Load, ...], serving: tuple[Point, ...], now: float, cfg: TargetSettings
) -> tuple[tuple[Load, ...], tuple[Point, ...]]:
    """Without what no policy looks at any more; the newest serving count always stays."""
    if cfg.demand is None:
        return (), serving[-1:]
    oldest = now - _keep(cfg.demand.signal, cfg)
    if len(serving) > 1 and serving[1].time < oldest:
        serving = serving[bisect_right(serving, oldest, key=lambda p: p.time) - 1 :]
    return _since(loads, oldest), serving


def _recent_signals(
    signals: dict[str, tuple[Point, ...]], now: float, cfg: TargetSettings
) -> dict[str, tuple[Point, ...]]:
    return {
        name: _since(points, now - _keep(name, cfg)) for name, points in signals.items() if name in cfg.read
    }


def _keep(signal: str, cfg: TargetSettings) -> float:
    settings = cfg.signals[signal]
    return cfg.lookback + settings.max_age + 2 * settings.period


def _since(series: tuple[T, ...], oldest: float) -> tuple[T, ...]:
    first, most = 0, len(series)
    while first < most and series[first].time < oldest:  # none, or one: time goes in small steps
        first += 1
    return series[first:] if first else series
