"""CloudWatch: any metric, statistic or metric-math expression, of a group or of each instance."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from forescale.aws import Batcher, Clients, Rejected
from forescale.model.errors import AdapterError, Denied, Throttled, Unavailable
from forescale.model.sample import InstanceRef, Sample, Window
from forescale.model.settings import Duration, Settings, SignalSettings
from forescale.sources.cloudwatch_query import (
    LIMIT,
    Answer,
    Ask,
    Math,
    Stat,
    build_queries,
    names_in,
    read_answers,
)
from forescale.sources.series_cache import SeriesCache

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
Statistic = Annotated[
    str,
    Field(
        pattern=r"^(Average|Sum|Minimum|Maximum|SampleCount|IQM"
        r"|(p|tm|wm|tc|ts)\d{1,3}(\.\d+)?|(TM|WM|TC|TS|PR)\(.+\))$",
        examples=["Average", "Maximum", "Sum", "p99"],
    ),
]
MetricName = Annotated[str, Field(pattern=r"^\S+ \S.*$", examples=["AWS/EC2 CPUUtilization"])]
Name = Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9_]*$")]
CPU = "AWS/EC2 CPUUtilization"


class MetricSettings(Settings):
    """A metric that an expression refers to by name."""

    metric: MetricName
    """Namespace and name, such as `AWS/EC2 CPUUtilization`."""
    statistic: Statistic = "Average"
    """Average, Sum, Minimum, Maximum, SampleCount, or a percentile such as p99."""
    dimensions: dict[str, str] | None = None
    """As for the signal itself."""


class CloudWatchSignal(SignalSettings):
    """A series of CloudWatch."""

    type: Literal["cloudwatch"] = "cloudwatch"
    """Read from CloudWatch."""
    metric: MetricName = CPU
    """Namespace and name, such as `AWS/ApplicationELB RequestCountPerTarget`."""
    statistic: Statistic = "Average"
    """Average, Sum, Minimum, Maximum, SampleCount, or a percentile such as p99."""
    dimensions: dict[str, str] | None = None
    """Which one of that metric's series. Left out: the group's (AutoScalingGroupName), or with
    `per: instance` the instance's (InstanceId). `{group}` and `{instance}` stand for their names."""
    expression: str | None = Field(default=None, min_length=1)
    """Metric math over `metrics`, instead of `metric`, such as `100 * errors / requests`."""
    metrics: dict[Name, MetricSettings] = Field(default_factory=dict)
    """The metrics that the expression names."""
    per: Literal["group", "instance"] = "group"
    """`instance` reads each warm instance, to be combined as `combine` says."""
    warm_up: Duration = 0.0
    """An instance in service for less than this is left out (with `per: instance`)."""
    delay: Duration = 0.0
    """How long after its end a bucket is complete. Until then it is not looked at."""
    revisit: Duration = 180.0
    """How far back each read looks again, for datapoints that came late or have changed."""

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if self.expression is None and self.metrics:
            raise ValueError("metrics is only used by an expression, and there is none")
        if self.expression is None:
            return self
        fields = type(self).model_fields
        asked = [n for n in ("metric", "statistic", "dimensions") if getattr(self, n) != fields[n].default]
        if asked:
            raise ValueError(f"an expression has its own metrics: leave out {', '.join(asked)}")
        unknown = names_in(self.expression) - self.metrics.keys()
        if unknown:
            raise ValueError(
                f"metrics does not say what {', '.join(sorted(unknown))} is in {self.expression!r}"
            )
        return self

    @model_validator(mode="after")
    def _known_period(self) -> Self:
        if self.period not in (1, 5, 10, 20, 30) and (self.period % 60 or self.period <= 0):
            raise ValueError(
                f"period is {self.period:g}s: CloudWatch has 1s, 5s, 10s, 20s, 30s, or whole minutes"
            )
        return self

    def series(self, group: str, instance: str = "") -> Stat | Math:
        """The question to CloudWatch, for a group or one of its instances."""
        names = {"{group}": group, "{instance}": instance}
        default = {"InstanceId": instance} if self.per == "instance" else {"AutoScalingGroupName": group}
        period = int(self.period)
        if self.expression is None:
            return _stat(self, names, default, period)
        metrics = ((name, _stat(m, names, default, period)) for name, m in sorted(self.metrics.items()))
        return Math(_fill(self.expression, names), tuple(metrics), period)


class CloudWatchHub:
    """CloudWatch for all targets of a process: what they ask at the same moment is one call.

    Args:
        clients: reading is enough.
    """

    settings = CloudWatchSignal

    def __init__(self, clients: Clients) -> None:
        self.clients = clients
        self.asks: Batcher[Ask, Answer] = Batcher(
            self._get,
            limit=LIMIT,
            weight=lambda ask: ask.weight,
            family=lambda ask: ask.family,
            identity=lambda ask: ask.identity,
        )

    def source(
        self,
        target: str,
        group: str,
        signals: Mapping[str, CloudWatchSignal],
        *,
        region: str | None = None,
    ) -> "CloudWatchSource":
        """The source of one target's signals.

        Args:
            target: its name.
            group: its Auto Scaling Group.
            signals: by name.
            region: where it is not the one of the clients.
        """
        return CloudWatchSource(self, target, group, signals, region)

    async def _get(self, asks: Sequence[Ask]) -> Mapping[Ask, Answer]:
        from datetime import UTC, datetime

        results = await self.clients.pages(
            "cloudwatch",
            "get_metric_data",
            "MetricDataResults",
            region=asks[0].region,
            MetricDataQueries=build_queries(asks),
            StartTime=datetime.fromtimestamp(min(ask.start for ask in asks), UTC),
            EndTime=datetime.fromtimestamp(max(ask.end for ask in asks), UTC),
            ScanBy="TimestampAscending",
        )
        return read_answers(asks, results)


class CloudWatchSource:
    """Reads the signals of one target.

    What was read is kept for as long as the windows asked for, so that CloudWatch is asked
    only where a new bucket can exist, or a late one may have come; `read` answers for the
    whole window each time.
    """

    def __init__(
        self,
        hub: CloudWatchHub,
        target: str,
        group: str,
        signals: Mapping[str, CloudWatchSignal],
        region: str | None,
    ) -> None:
        self._hub, self._target, self._group = hub, target, group
        self._signals, self._region = signals, region
        self._caches: dict[tuple[str, str], SeriesCache] = {}
        self.errors: tuple[str, ...] = ()
        """What could not be read the last time, while something else could."""

    async def read(self, window: Window) -> Sequence[Sample]:
        """Every signal's samples of the window; with `per: instance`, each instance's own.

        An instance that is warm and has no datapoint in a bucket where another has one is
        there without a value. Raises the error of a failed signal only if none could be read.
        """
        wanted = [
            (name, signal, instance)
            for name, signal in self._signals.items()
            for instance in (window.instances if signal.per == "instance" else (None,))
        ]
        outcomes = await asyncio.gather(
            *(self._refresh(name, signal, instance, window) for name, signal, instance in wanted)
        )
        failed = {name: error for (name, _, _), error in zip(wanted, outcomes, strict=True) if error}
        if failed and len(failed) == len({name for name, _, _ in wanted}):
            raise next(iter(failed.values()))
        self.errors = tuple(f"{name}: {error.message}" for name, error in failed.items())
        self._forget(window.start)
        return [
            sample
            for name, signal in self._signals.items()
            if name not in failed
            for sample in self._samples(name, signal, window)
        ]

    async def _refresh(
        self, name: str, signal: CloudWatchSignal, instance: InstanceRef | None, window: Window
    ) -> AdapterError | None:
        """Ask for what one series lacks. The error, if that failed."""
        identity = instance.id if instance else ""
        cache = self._caches.setdefault(
            (name, identity), SeriesCache(signal.period, signal.delay, signal.revisit)
        )
        warm = (instance.serving_since or 0.0) + signal.warm_up if instance else 0.0
        span = cache.due(max(window.start, warm), window.end)
        if span is None:
            return cache.error
        region = self._hub.clients.region(self._region)
        try:
            answer = await self._hub.asks.load(Ask(region, signal.series(self._group, identity), *span))
            cache.keep(points_of(answer, name), span, window.end)
        except (Throttled, Unavailable) as error:
            return error
        except AdapterError as error:
            cache.fail(error, window.end)
            return error
        return None

    def _samples(self, name: str, signal: CloudWatchSignal, window: Window) -> Iterable[Sample]:
        found = {
            identity: cache.points(window.start, window.end)
            for (of, identity), cache in self._caches.items()
            if of == name
        }
        for identity, points in found.items():
            for time, value in points.items():
                yield _sample(name, signal, time, value, identity or None)
        if signal.per == "instance":
            yield from _silent(name, signal, found, window.instances)

    def _forget(self, start: float) -> None:
        """Drop what is older than the window; with it go instances that left long ago."""
        for cache in self._caches.values():
            cache.forget(start)
        self._caches = {key: cache for key, cache in self._caches.items() if not cache.empty or not key[1]}


def _silent(
    name: str,
    signal: CloudWatchSignal,
    found: Mapping[str, Mapping[float, float]],
    instances: Sequence[InstanceRef],
) -> Iterable[Sample]:
    """Samples without a value, for warm instances in buckets that others have reported."""
    buckets = sorted({time for points in found.values() for time in points})
    for instance in instances:
        warm = (instance.serving_since or 0.0) + signal.warm_up
        for time in buckets:
            if time >= warm and time not in found.get(instance.id, {}):
                yield _sample(name, signal, time, None, instance.id)


def _sample(
    name: str, signal: CloudWatchSignal, time: float, value: float | None, instance: str | None
) -> Sample:
    return Sample(name, time, value, signal.unit, "cloudwatch", instance)


def points_of(answer: Answer | None, signal: str) -> Mapping[float, float]:
    """The values of an answer by time. Raises the `AdapterError` that it stands for, if it is one."""
    if answer is None or not answer.problem:
        return dict(answer.points) if answer else {}
    text = f"signal {signal!r}: CloudWatch says: {answer.problem}"
    if answer.status == "Forbidden":
        raise Denied(text, hint="allow cloudwatch:GetMetricData")
    if answer.status == "InternalError":
        raise Unavailable(text)
    raise Rejected(text, code=answer.status)


def _stat(metric: Any, names: Mapping[str, str], default: Mapping[str, str], period: int) -> Stat:
    namespace, _, name = metric.metric.partition(" ")
    dimensions = default if metric.dimensions is None else metric.dimensions
    pairs = sorted((key, _fill(value, names)) for key, value in dimensions.items())
    return Stat(namespace, name, tuple(pairs), metric.statistic, period)


def _fill(text: str, names: Mapping[str, str]) -> str:
    for placeholder, name in names.items():
        text = text.replace(placeholder, name)
    return text
