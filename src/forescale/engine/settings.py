"""What the reducer needs to know of a target. The `config` room adds what the edges need."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from forescale.engine.experiment_settings import ArmName, Experiment
from forescale.forecast.settings import ForecastSettings
from forescale.model.sample import Unit
from forescale.model.settings import Duration, Ratio, Settings, SignalSettings
from forescale.policy import AnyPolicy, TargetTracking
from forescale.policy.guard_settings import Guards


class DemandSettings(Settings):
    """Which signal is the load, and what one instance can carry of it."""

    signal: str = "cpu"
    """The name of the signal."""
    per_instance: float | None = Field(default=None, gt=0)
    """What one instance carries, in the signal's unit; left out for a signal in percent of an instance."""
    scope: Literal["group", "instance"] | None = None
    """`group`: the signal is a total of the group; `instance`: an average of one instance.
    Left out: `instance` for percent, else `group`."""
    violated_above: Ratio = Field(default=1.0, gt=0)
    """The share of capacity in use above which requests count as meeting too little of it. Less than 100 %
    for a metric that cannot exceed it: 95 % for CPU."""


CONTROL = "control"
"""The arm that an experiment compares with: the target's own policies and guards, in the shadow."""

# What runs beside forescale has none of its guards: a cloud's target tracking, above all.
_OPEN: dict[str, Any] = {
    "cooldown": {"out": 0, "in": 0},
    "stabilisation": {"out": 0, "in": 0},
    "reversals": {"count": 1, "window": 0},
}


class ArmSettings(Settings):
    """A strategy to compare with: it sees the same demand, has a modelled fleet, and cannot act."""

    policies: tuple[AnyPolicy, ...] = Field(default=(TargetTracking(),), min_length=1)
    """What decides in it."""
    guards: Guards | None = None
    """What keeps its decisions within bounds; left out: the target's `min` and `max`, no guard else."""


class TargetSettings(Settings):
    """One target, as far as deciding goes."""

    signals: Mapping[str, SignalSettings] = Field(default_factory=lambda: {"cpu": SignalSettings()})
    """The series to read, by name."""
    demand: DemandSettings | None = DemandSettings()
    """How load is measured; null where no policy needs it."""
    policies: tuple[AnyPolicy, ...] = (TargetTracking(),)
    """What decides; several are arbitrated."""
    guards: Guards = Guards()
    """What keeps the decision within bounds."""
    forecast: ForecastSettings = ForecastSettings()
    """How demand is forecast, where a policy asks for it."""
    lead_time: Duration = 240.0
    """Decision to serving, used until it has been learned from the group's own launches."""
    action_age: Duration = 120.0
    """An action that could not be done within this time is dropped and decided anew."""
    shadow: Mapping[ArmName, ArmSettings] = {}
    """Strategies that run beside the one that acts, by names of your own: what each would have cost, and
    how well it would have served, is counted on the live demand."""
    experiment: Experiment | None = None
    """An A/B test on the live target; none where left out."""

    @model_validator(mode="after")
    def _known_signals(self) -> Self:
        known = ", ".join(self.signals) or "none"
        if self.demand and self.demand.signal not in self.signals:
            raise ValueError(f"demand.signal {self.demand.signal!r} is not one of the signals ({known})")
        for path, policy in self._written():
            signal = getattr(policy, "signal", None)
            if signal is not None and signal not in self.signals:
                raise ValueError(f"{path}.signal {signal!r} is not one of the signals ({known})")
        return self

    def _written(self) -> Iterator[tuple[str, AnyPolicy]]:
        """Every policy that somebody wrote down, and where."""
        yield from ((f"policies[{i}]", policy) for i, policy in enumerate(self.policies))
        for name, arm in self.shadow.items():
            yield from ((f"shadow.{name}.policies[{i}]", policy) for i, policy in enumerate(arm.policies))
        if self.experiment is not None:
            path, tried = "experiment.treatment.policies", self.experiment.treatment.policies
            yield from ((f"{path}[{i}]", policy) for i, policy in enumerate(tried))

    @model_validator(mode="after")
    def _experiment_possible(self) -> Self:
        if self.experiment is None:
            return self
        if self.demand is None:
            raise ValueError("an experiment needs demand: without it nobody knows what was violated")
        if CONTROL in self.shadow:
            raise ValueError(f"shadow.{CONTROL} is what the experiment compares with: choose another name")
        if self.experiment.slice < 4 * (self.lead_time + self.experiment.settle):
            raise ValueError("experiment.slice is less than four times lead_time + experiment.settle")
        return self

    @model_validator(mode="after")
    def _demand_measurable(self) -> Self:
        if self.demand and self.demand.per_instance is None:
            unit = self.signals[self.demand.signal].unit
            if unit is not Unit.PERCENT:
                raise ValueError(
                    f"demand.per_instance is needed: signal {self.demand.signal!r} is in {unit}, "
                    "so say how much of it one instance carries"
                )
        return self

    def __copy__(self) -> Self:
        """A copy, without what was worked out from fields that `model_copy` may be about to change."""
        copied = super().__copy__()
        for name in vars(copied).keys() - type(self).model_fields.keys():
            del vars(copied)[name]
        return copied

    @cached_property
    def lookback(self) -> float:
        """Seconds of history that the policies look at, those in the shadow included."""
        own = max((policy.lookback for _, policy in self._written()), default=0.0)
        return max((own, *(arm.lookback for arm in self.arms.values())))

    @cached_property
    def forecasts(self) -> bool:
        """Some policy acts on forecasts of demand."""
        arms = any(arm.forecasts for arm in self.arms.values())
        return arms or any(policy.forecasts for _, policy in self._written())

    @cached_property
    def period(self) -> float:
        """The width of a bucket of demand, in seconds."""
        return self.signals[self.demand.signal].period if self.demand else 60.0

    @cached_property
    def carried(self) -> float:
        """The share of its capacity that an instance carries before requests are violated."""
        return self.demand.violated_above if self.demand else 1.0

    @cached_property
    def read(self) -> frozenset[str]:
        """The signals whose own values, not only the demand made of them, some policy reads."""
        own = frozenset(s for _, p in self._written() if (s := getattr(p, "signal", None)))
        return own.union(*(arm.read for arm in self.arms.values()))

    @cached_property
    def arms(self) -> "dict[str, TargetSettings]":
        """The strategies in the shadow: first those that policies ask for, then those that people name.

        Where both use a name, it means what people say.
        """
        if self.demand is None:
            return {}
        everyone = (policy for _, policy in self._written())
        asked = {name: self._arm(p) for policy in everyone for name, p in getattr(policy, "arms", {}).items()}
        named = {name: self._arm(arm.policies, arm.guards) for name, arm in self.shadow.items()}
        if self.experiment is not None:
            named = {CONTROL: self._arm(self.policies, self.guards)} | named
        return {name: named.pop(name, arm) for name, arm in asked.items()} | named

    @cached_property
    def treated(self) -> "TargetSettings":
        """The settings under the experiment's treatment; what is remembered and read is the same."""
        if self.experiment is None:
            return self
        tried = self.experiment.treatment
        own = {"policies": tried.policies, "guards": tried.guards or self.guards}
        fields = {name: getattr(self, name) for name in TargetSettings.model_fields}
        treated = TargetSettings.model_construct(**fields | own)
        vars(treated).update(arms=self.arms, lookback=self.lookback, read=self.read, treated=treated)
        return treated

    def _arm(self, policies: Any, guards: Guards | None = None) -> "TargetSettings":
        bounds = {"min": self.guards.min, "max": self.guards.max}
        own = {
            "policies": tuple(policies),
            "guards": guards or Guards.model_validate(_OPEN | bounds),
            "shadow": {},
            "experiment": None,
        }
        return _Arm.model_construct(
            **{name: getattr(self, name) for name in TargetSettings.model_fields} | own
        )


class _Arm(TargetSettings):
    """Settings of an arm: it has none of its own, though its policies may ask for them."""

    @cached_property
    def arms(self) -> dict[str, TargetSettings]:
        """None."""
        return {}
