"""Turns a load in instances into the samples a target's source would report of it."""

from math import isnan

from forescale.engine.settings import TargetSettings
from forescale.model.errors import ConfigError
from forescale.model.sample import Sample, Unit
from forescale.series.trace import STEP

_SOURCE = "trace"


class Telemetry:
    """The demand signal of a target, built so that the engine's demand is the load again.

    A signal of one instance (a percentage, or `scope: instance`) is the load divided by
    the instances that serve it, a total is the load itself, both times what one instance
    carries. A share above 100 % is reported as such: it says how much was asked, not how
    much was done. Rates of requests behave so; a real CPU metric stops at 100 %, so a
    backtest of one reacts to a flash crowd in fewer steps than the real group would.

    Buckets longer than a minute hold the mean of their minutes; shorter ones are repeated.
    An absent load (NaN) gives no sample at all.
    """

    def __init__(self, cfg: TargetSettings) -> None:
        """The signal that `cfg.demand` names. Raises `ConfigError` where a backtest cannot make it."""
        if cfg.demand is None:
            raise ConfigError(
                "this target has no demand signal, so a load cannot drive it", hint="set demand"
            )
        name = cfg.demand.signal
        self._name, self._unit, period = name, cfg.signals[name].unit, cfg.signals[name].period
        percent = self._unit is Unit.PERCENT
        self._carries = cfg.demand.per_instance or (100.0 if percent else 1.0)
        self._shared = (cfg.demand.scope or ("instance" if percent else "group")) == "instance"
        if period % STEP and STEP % period:
            raise ConfigError(
                f"signal {name!r} has a period of {period:g}s, which does not fit minutes",
                hint="a backtest goes minute by minute: use a period such as 10s, 30s, 60s or 300s",
            )
        self._period = period
        self._bucket: list[float] = []

    def minute(self, start: float, load: float, serving: int) -> tuple[Sample, ...]:
        """The samples that are there at the end of the minute that began at `start` (seconds)."""
        if not isnan(load):
            value = load * self._carries
            self._bucket.append(value / serving if self._shared else value)
        end = start + STEP
        if not self._bucket or (self._period > STEP and end % self._period):
            return ()
        value = sum(self._bucket) / len(self._bucket)
        self._bucket.clear()
        if self._period >= STEP:
            return (Sample(self._name, end - self._period, value, self._unit, _SOURCE),)
        buckets = int(STEP / self._period)
        return tuple(
            Sample(self._name, start + i * self._period, value, self._unit, _SOURCE) for i in range(buckets)
        )
