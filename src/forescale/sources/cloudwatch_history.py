"""A target's past from CloudWatch: its signals, and how many instances were in service."""

from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise
from typing import NamedTuple

from forescale.model.errors import AdapterError
from forescale.model.protocols import Clock
from forescale.sources.cloudwatch import CloudWatchHub, CloudWatchSignal, points_of
from forescale.sources.cloudwatch_query import Ask, Math, Stat
from forescale.sources.history import Points, Progress, read_all, windows

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
PAGE = 100_800
"""The most datapoints in one answer of GetMetricData."""
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html, retention:
# seconds for which datapoints of a period are kept. Finer ones than a minute are not read back.
_KEPT = ((15 * 86400.0, 60), (63 * 86400.0, 300), (455 * 86400.0, 3600))
_MARGIN = 600.0  # what is about to expire may have done so when the call arrives
_LONGEST = 10_080  # steps in a window: a week of minutes, so that there is progress to show
_SUMS = ("Sum", "SampleCount")
# One for the group as a whole; published where its metrics collection is enabled.
_CPU = ("AWS/EC2", "CPUUtilization")
_LOOK = 3 * 3600.0  # enough to see how often an instance reports
_IN_SERVICE = ("AWS/AutoScaling", "GroupInServiceInstances")


class Past(NamedTuple):
    """What was found: points by signal, how many instances there were, and what there is to say.

    `in_service` is what the group's own metrics say. Where these are not collected it is empty, and
    `reporting` is the number of instances that sent CPU datapoints; otherwise that is empty.
    """

    signals: dict[str, dict[float, float]]
    in_service: dict[float, float]
    reporting: dict[float, float]
    notes: list[str]


def finest(age: float) -> int:
    """The finest period, in seconds from a minute up, of which datapoints so old are kept."""
    return next((period for kept, period in _KEPT if age <= kept), _KEPT[-1][1])


def kept(period: float) -> float:
    """For how many seconds datapoints of a period are kept."""
    return next((kept for kept, finest in reversed(_KEPT) if period >= finest), _KEPT[0][0])


async def read_past(
    hub: CloudWatchHub,
    clock: Clock,
    group: str,
    signals: Mapping[str, CloudWatchSignal],
    span: tuple[float, float],
    step: int,
    *,
    region: str | None = None,
    progress: Progress | None = None,
) -> Past:
    """The signals of a group in buckets that start in [start, end), at least `step` seconds wide.

    Args:
        hub: reading is enough for its clients.
        clock: tells the time, and waits where CloudWatch asks for fewer calls.
        group: the Auto Scaling Group.
        signals: by name.
        span: start and end, in seconds since the epoch, multiples of `step`.
        step: whole minutes; a signal of a coarser period keeps its own.
        region: where it is not the one of the clients.
        progress: told after each window.

    Raises:
        AdapterError: nothing could be read.
    """
    where = hub.clients.region(region)
    notes: list[str] = []
    series = {name: s for name, of in signals.items() if (s := _series(name, of, group, step, notes))}
    service = Stat(*_IN_SERVICE, (("AutoScalingGroupName", group),), "Average", step)
    asked: dict[str, Stat | Math] = {**series, "": service}
    weight = sum(1 + len(s.metrics) if isinstance(s, Math) else 1 for s in asked.values())
    start = max(span[0], _oldest(clock.now(), step))
    most = max(min(PAGE // weight, _LONGEST), 1)
    found, failed = await read_all(
        {name: _reader(hub, where, name, s) for name, s in asked.items()},
        list(windows(start, span[1], step, most)),
        clock,
        progress,
    )
    _raise_if_blind(series, failed)
    notes += [f"{name or 'in_service'}: {error.message}" for name, error in failed.items()]
    in_service = found.pop("", {})
    reporting = {} if in_service else await _reporting(hub, clock, where, group, (start, span[1]), step)
    past = {name: _scaled(signals[name], found[name], step) for name in found}
    return Past(past, in_service, reporting, notes)


async def _reporting(
    hub: CloudWatchHub, clock: Clock, region: str, group: str, span: tuple[float, float], step: int
) -> dict[float, float]:
    """How many instances sent CPU datapoints: the samples of a bucket ÷ those that one instance sends.

    EC2 sends one a minute with detailed monitoring, else one in five; the last hours tell which.
    Empty where they do not, or cannot be read any more.
    """
    first = max(span[0], span[1] - _LOOK, _oldest(clock.now(), 60))
    if first >= span[1]:
        return {}
    minutes = await _read_count(hub, clock, region, group, [(first, span[1])], 60)
    times = sorted(minutes)
    apart = min((b - a for a, b in pairwise(times)), default=0.0)
    if apart not in (60.0, 300.0) or step % apart:
        return {}
    samples = await _read_count(hub, clock, region, group, list(windows(*span, step, _LONGEST)), step)
    return {time: count * apart / step for time, count in samples.items()}


async def _read_count(
    hub: CloudWatchHub, clock: Clock, region: str, group: str, spans: list[tuple[float, float]], step: int
) -> dict[float, float]:
    count = Stat(*_CPU, (("AutoScalingGroupName", group),), "SampleCount", step)
    try:
        found, _ = await read_all({"": _reader(hub, region, "reporting", count)}, spans, clock)
    except AdapterError:  # it is a substitute: without it there is no more to say than before
        return {}
    return found[""]


def _raise_if_blind(series: Mapping[str, Stat | Math], failed: Mapping[str, AdapterError]) -> None:
    """Where no signal at all could be read, instances in service alone are no history."""
    if series and all(name in failed for name in series):
        raise next(iter(failed.values()))


def _oldest(now: float, step: int) -> float:
    """The first bucket whose datapoints are still kept for sure."""
    return -(-(now - kept(step) + _MARGIN) // step) * step


def _series(
    name: str, signal: CloudWatchSignal, group: str, step: int, notes: list[str]
) -> Stat | Math | None:
    """The question for a signal's past; None where it has none that can be read back."""
    period = float(max(step, signal.period))
    if signal.per == "group":
        return signal.model_copy(update={"period": period}).series(group)
    if signal.expression is not None or signal.dimensions is not None:
        notes.append(
            f"{name} was left out: it is read from each instance, and those of the past are not known"
        )
        return None
    notes.append(f"{name} is the group's own {signal.statistic}, not each instance's")
    return signal.model_copy(update={"period": period, "per": "group"}).series(group)


def _reader(
    hub: CloudWatchHub, region: str, name: str, series: Stat | Math
) -> Callable[[float, float], Awaitable[Points]]:
    async def read(start: float, end: float) -> Points:
        return points_of(await hub.asks.load(Ask(region, series, start, end)), name)

    return read


def _scaled(signal: CloudWatchSignal, points: dict[float, float], step: int) -> dict[float, float]:
    """A sum over a wider bucket, as the mean of the sums over buckets as wide as configured."""
    wider = step / signal.period
    if signal.expression is not None or signal.statistic not in _SUMS or wider <= 1:
        return points
    return {time: value / wider for time, value in points.items()}
