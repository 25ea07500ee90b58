"""The past of a target, or of queries, as columns on a regular grid: what `backtest` reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from forescale.aws import Clients
from forescale.config.settings import Config, Target
from forescale.engine.observe import demand_of
from forescale.model.errors import NotFound
from forescale.model.protocols import Clock
from forescale.model.sample import Sample
from forescale.model.settings import format_duration
from forescale.sources.cloudwatch import CloudWatchHub
from forescale.sources.cloudwatch_history import finest, kept, read_past
from forescale.sources.history import Points, Progress
from forescale.sources.prometheus import Connection, Prometheus, read_queries

DEMAND, IN_SERVICE, REPORTING = "demand", "in_service", "reporting"
_NOT_COLLECTED = (
    "because GroupInServiceInstances is not collected; switch it on with `aws autoscaling "
    "enable-metrics-collection --granularity 1Minute --auto-scaling-group-name "
)
_ESTIMATED = f"demand is reckoned with {REPORTING}, the number of instances that sent CPU datapoints,"
_NO_COUNT = "there is no demand column"


@dataclass(frozen=True)
class History:
    """Columns by name, of buckets that start at `times` (seconds since the epoch); None is absence."""

    times: tuple[float, ...]
    columns: Mapping[str, tuple[float | None, ...]]
    step: float
    notes: tuple[str, ...] = field(default=())

    def known(self, name: str) -> int:
        """How many values a column has."""
        return sum(value is not None for value in self.columns[name])


async def pull_target(
    config: Config,
    name: str,
    clients: Clients,
    clock: Clock,
    *,
    since: float,
    until: float,
    step: float | None = None,
    progress: Progress | None = None,
) -> History:
    """The past of a target's signals, instances in service, and the demand made of them.

    Args:
        config: where the target is.
        name: the target's.
        clients: reading is enough.
        clock: tells the time.
        since: seconds since the epoch.
        until: likewise; only buckets that are complete by then, and by now, are read.
        step: seconds, whole minutes; the finest that CloudWatch has kept for so long if left out.
        progress: told after each window.

    Raises:
        AdapterError: nothing could be read, or there is nothing.
    """
    target = config.targets[name]
    age = clock.now() - since
    every = int(step or max(_own_step(target), finest(age - 60)))
    last = min(until, clock.now() - max(s.delay for s in target.signals.values()))
    span = (-(-since // every) * every, last // every * every)
    group, region = target.actuator.group, target.actuator.region
    past = await read_past(
        CloudWatchHub(clients), clock, group, target.signals, span, every, region=region, progress=progress
    )
    columns: dict[str, Points] = dict(past.signals)
    notes = [*_about_step(age, every, step), *past.notes]
    if past.in_service:
        columns.setdefault(IN_SERVICE, past.in_service)
    elif past.reporting:
        columns.setdefault(REPORTING, past.reporting)
    counted = past.in_service or past.reporting
    demand = _demand(target, past.signals, counted)
    if demand:
        columns.setdefault(DEMAND, demand)
    if target.demand and not past.in_service and _demand(target, past.signals, {}) != demand:
        notes.append(f"{_ESTIMATED} {_NOT_COLLECTED}{group}`")
    elif target.demand and not demand and past.signals.get(target.demand.signal):
        notes.append(f"{_NO_COUNT}, {_NOT_COLLECTED}{group}`")
    return _gridded(columns, span, every, notes)


async def pull_queries(
    connection: Connection,
    queries: Mapping[str, str],
    clock: Clock,
    *,
    since: float,
    until: float,
    step: float,
    per_instance: float | None = None,
    progress: Progress | None = None,
) -> History:
    """The past of PromQL queries, and the demand that the first of them makes of instances.

    Args:
        connection: where Prometheus is.
        queries: PromQL by the name of the column.
        clock: tells the time.
        since: seconds since the epoch.
        until: likewise.
        step: seconds.
        per_instance: what one instance carries of the first query; None for no demand column.
        progress: told after each window.

    Raises:
        AdapterError: a query could not be read, or there is nothing.
    """
    span = (-(-since // step) * step, min(until, clock.now()) // step * step)
    async with Prometheus(connection) as client:
        found = await read_queries(client, clock, queries, span, step, progress=progress)
    columns: dict[str, Points] = dict(found)
    if per_instance is not None:
        load = next(iter(found.values()))
        columns.setdefault(DEMAND, {time: value / per_instance for time, value in load.items()})
    return _gridded(columns, span, step, list(client.warnings))


def _own_step(target: Target) -> float:
    """The period of the demand signal, or of the finest one; no finer than what CloudWatch keeps."""
    periods = {name: signal.period for name, signal in target.signals.items()}
    own = periods[target.demand.signal] if target.demand else min(periods.values())
    return max(own, 60.0)


def _about_step(age: float, step: int, asked: float | None) -> list[str]:
    if asked is None and step > 60 and step == finest(age - 60):
        finer = next((p for p in (300, 60) if p < step and kept(p) < age), step)
        limit = f"CloudWatch keeps steps of {format_duration(finer)} for {format_duration(kept(finer))}"
        return [f"{limit}: these are {format_duration(step)}"]
    if age > kept(step):
        return [f"CloudWatch keeps steps of {format_duration(step)} for {format_duration(kept(step))} only"]
    return []


def _demand(target: Target, signals: Mapping[str, Points], counted: Points) -> dict[float, float]:
    """The demand in instances, exactly as the engine would have reckoned."""
    if target.demand is None:
        return {}
    name = target.demand.signal
    unit = target.signals[name].unit
    found = {}
    for time, value in signals.get(name, {}).items():
        sample = Sample(name, time, value, unit, "cloudwatch")
        demand = demand_of(sample, counted.get(time, 0.0), target)
        if demand is not None:
            found[time] = demand
    return found


def _gridded(
    columns: Mapping[str, Points], span: tuple[float, float], step: float, notes: Sequence[str]
) -> History:
    """All columns on one grid, from the first time that any of them knows to the last."""
    times = [time for points in columns.values() for time in points]
    if not times:
        raise NotFound(
            "there is no data in that time",
            hint="check the metric's or query's name, the region, and the span: --since",
        )
    first, last = min(times), max(times)
    grid = tuple(first + step * place for place in range(round((last - first) / step) + 1))
    if first > span[0]:
        missing = format_duration(first - span[0])
        notes = [*notes, f"nothing is known of the first {missing} that were asked for"]
    rows = {name: tuple(points.get(time) for time in grid) for name, points in columns.items()}
    return History(grid, rows, step, tuple(notes))
