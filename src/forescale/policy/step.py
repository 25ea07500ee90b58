"""Add or remove so many instances when a signal crosses thresholds."""

from math import ceil, inf
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from forescale.model.decision import Observation, Proposal, SignalView
from forescale.model.forecast import Forecast, NotReady
from forescale.model.settings import Duration, Settings, format_duration, parse_ratio
from forescale.policy.base import MOST, PolicySettings
from forescale.policy.runs import lasted


def _parse_amount(value: Any) -> int | str:
    if isinstance(value, str):
        parse_ratio(value)
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise ValueError(f"{value!r} is not an amount: write a number of instances or for example 25%")
    return value


Amount = Annotated[
    int | str,
    BeforeValidator(_parse_amount),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"}],
            "examples": [1, "25%"],
        }
    ),
]
"""A number of instances, or a share of the capacity such as `25%` (at least one instance)."""


class Rung(Settings):
    """What to do at one threshold."""

    at: float
    """The threshold, in the signal's unit."""
    by: Amount = 1
    """How many instances to add or remove: a number, or a share such as `25%`."""

    def instances(self, capacity: int) -> int:
        """The amount in instances, for a capacity."""
        return self.by if isinstance(self.by, int) else max(ceil(parse_ratio(self.by) * capacity), 1)


class Thresholds(PolicySettings):
    """What `step` and `threshold` share: a signal, how long it must be off, and rungs."""

    signal: str = "cpu"
    """The signal to watch, by its own values."""
    out_after: Duration = 180.0
    """Scale out once the signal has been above a threshold for this long."""
    in_after: Duration = 900.0
    """Scale in once the signal has been below a threshold for this long."""

    @property
    def lookback(self) -> float:
        """The longer of the two runs."""
        return max(self.out_after, self.in_after)

    def rungs(self) -> tuple[tuple[Rung, ...], tuple[Rung, ...]]:
        """The rungs out, highest threshold first, and in, lowest first."""
        raise NotImplementedError

    def propose(self, obs: Observation, forecast: Forecast | NotReady) -> Proposal:
        """Go by the outermost rung that the signal has been beyond for long enough.

        Instances on their way count towards a step: it starts from those that serve.
        """
        view = obs.signals.get(self.signal)
        if view is None or view.value is None:
            return self.blind(f"{self.signal} is absent or stale")
        fleet, desired, (out, in_) = obs.fleet, obs.fleet.desired, self.rungs()
        text = f"{self.signal} {view.value:g}"
        for rung in out:
            if _lasted(view, self.out_after, above=rung.at):
                coming = max(desired - fleet.in_service, 0)
                amount = rung.instances(desired - coming)
                text += f" above {rung.at:g}: +{amount}"
                return self.prefer(
                    desired + max(amount - coming, 0), f"{text}, {coming} on the way" if coming else text
                )
        for rung in in_:
            if not fleet.pending and _lasted(view, self.in_after, below=rung.at):
                amount = rung.instances(desired)
                return self.prefer(desired - amount, f"{text} below {rung.at:g}: -{amount}")
        return self.prefer(desired, f"{text} {self._hold(view.value, fleet.pending)}")

    def _hold(self, value: float, pending: int) -> str:
        """Why the rungs leave things as they are."""
        out, in_ = self.rungs()
        if out and value > (at := out[-1].at):
            return f"above {at:g}, but not for {format_duration(self.out_after)} yet"
        if in_ and value < (at := in_[-1].at):
            if pending:
                return f"below {at:g}, but {pending} still boot"
            return f"below {at:g}, but not for {format_duration(self.in_after)} yet"
        return "is within its thresholds"


class Step(Thresholds):
    """Step scaling: the further a signal is beyond its thresholds, the larger the step."""

    type: Literal["step"] = "step"
    out: tuple[Rung, ...] = Field(default=(Rung(at=70),))
    """Rungs for scaling out: above `at`, add `by`."""
    in_: tuple[Rung, ...] = Field(default=(Rung(at=30),), alias="in")
    """Rungs for scaling in: below `at`, remove `by`."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.out and self.in_:
            low, high = max(r.at for r in self.in_), min(r.at for r in self.out)
            if low >= high:
                raise ValueError(
                    f"the highest `in` threshold ({low:g}) must be below the lowest `out` ({high:g})"
                )
        return self

    def rungs(self) -> tuple[tuple[Rung, ...], tuple[Rung, ...]]:
        """Outermost first."""
        return (
            tuple(sorted(self.out, key=lambda r: -r.at)),
            tuple(sorted(self.in_, key=lambda r: r.at)),
        )


class Threshold(Thresholds):
    """The simplest policy: above one threshold add, below another remove."""

    type: Literal["threshold"] = "threshold"
    above: float = 70.0
    """Scale out above this value of the signal."""
    below: float = 30.0
    """Scale in below this value of the signal."""
    by: Amount = 1
    """How many instances to add or remove."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.below >= self.above:
            raise ValueError(f"`below` ({self.below:g}) must be less than `above` ({self.above:g})")
        return self

    def rungs(self) -> tuple[tuple[Rung, ...], tuple[Rung, ...]]:
        """One rung each way."""
        return (Rung(at=self.above, by=self.by),), (Rung(at=self.below, by=self.by),)


def _lasted(view: SignalView, enough: float, *, above: float = -inf, below: float = inf) -> bool:
    newest_first = ((point.time, point.value) for point in reversed(view.points))
    return lasted(newest_first, view.period, enough, above=above, below=below)
