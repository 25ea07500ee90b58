"""What a source says: samples, with absence as a value of its own."""

from enum import StrEnum

from forescale.model.value import Value


class Unit(StrEnum):
    """The unit of a signal."""

    PERCENT = "percent"
    COUNT = "count"
    PER_SECOND = "per_second"
    BYTES = "bytes"
    SECONDS = "seconds"
    CELSIUS = "celsius"
    WATTS = "watts"
    INSTANCES = "instances"


class Sample(Value, frozen=True):
    """One datapoint of a signal.

    `time` is the start of the bucket it covers (as CloudWatch stamps it); `value` is None
    where the source says there is no data, which is never the same as 0. `instance` is set
    on a datapoint of a single instance, before instances are combined. `estimated` marks a
    value that was modelled, not measured: it never acts alone.
    """

    signal: str
    time: float
    value: float | None
    unit: Unit
    source: str
    instance: str | None = None
    estimated: bool = False


class InstanceRef(Value, frozen=True):
    """An instance a source may read: its id, and since when it serves (None: not known)."""

    id: str
    serving_since: float | None = None


class Window(Value, frozen=True):
    """What to read: buckets starting in [start, end), over the given warm instances."""

    start: float
    end: float
    instances: tuple[InstanceRef, ...] = ()


class Point(Value, frozen=True, array_like=True):
    """A time and a value, or its absence; `[time, value]` in JSON."""

    time: float
    value: float | None


class Load(Value, frozen=True, array_like=True):
    """Demand in one bucket, in instances, and how many instances were serving in the mean of it."""

    time: float
    demand: float | None
    serving: float
