"""What the reducer needs to know of a target. The `config` room adds what the edges need."""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, model_validator

from forescale.model.sample import Unit
from forescale.model.settings import Duration, Settings, SignalSettings
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
    lead_time: Duration = 240.0
    """Decision to serving, used until it has been learned from the group's own launches."""
    action_age: Duration = 120.0
    """An action that could not be done within this time is dropped and decided anew."""

    @model_validator(mode="after")
    def _known_signals(self) -> Self:
        known = ", ".join(self.signals) or "none"
        if self.demand and self.demand.signal not in self.signals:
            raise ValueError(f"demand.signal {self.demand.signal!r} is not one of the signals ({known})")
        for index, policy in enumerate(self.policies):
            signal = getattr(policy, "signal", None)
            if signal is not None and signal not in self.signals:
                raise ValueError(f"policies[{index}].signal {signal!r} is not one of the signals ({known})")
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

    @cached_property
    def lookback(self) -> float:
        """Seconds of history that the policies look at."""
        return max((policy.lookback for policy in self.policies), default=0.0)

    @cached_property
    def read(self) -> frozenset[str]:
        """The signals whose own values, not only the demand made of them, some policy reads."""
        return frozenset(s for p in self.policies if (s := getattr(p, "signal", None)))
