"""What the reducer needs to know of a target. The `config` room adds what the edges need."""

from typing import Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from forescale.model.sample import Unit
from forescale.model.settings import Duration, Settings, SignalSettings
from forescale.policy import AnyPolicy, TargetTracking


class DemandSettings(Settings):
    """Which signal is the load, and what one instance can carry of it."""

    signal: str = "cpu"
    """The name of the signal."""
    per_instance: float | None = Field(default=None, gt=0)
    """What one instance carries, in the signal's unit; left out for a signal in percent of an instance."""
    scope: Literal["group", "instance"] | None = None
    """`group`: the signal is a total of the group; `instance`: an average of one instance.
    Left out: `instance` for percent, else `group`."""


class Cooldowns(Settings):
    """How long an action, once done, holds off the next."""

    out: Duration = 60.0
    """After any action, before the next scale-out."""
    in_: Duration = Field(default=300.0, alias="in")
    """After any action, before the next scale-in."""
    preempt: bool = True
    """A scale-out need not wait for the cooldown that a scale-in started."""


class PerDirection(Settings):
    """A count of evaluations in a row that must agree before an action."""

    out: int = Field(default=1, ge=1)
    """For a scale-out."""
    in_: int = Field(default=1, ge=1, alias="in")
    """For a scale-in."""


class Stabilisation(Settings):
    """The safest recommendation within a window is the one that counts."""

    out: Duration = 0.0
    """A scale-out goes to the smallest recommendation of this window."""
    in_: Duration = Field(default=300.0, alias="in")
    """A scale-in goes to the largest recommendation of this window."""


class MaxStep(Settings):
    """The most instances that one action may add or remove."""

    up: int | None = Field(default=None, ge=1)
    """Added by one action; no limit where left out."""
    down: int | None = Field(default=None, ge=1)
    """Removed by one action; no limit where left out."""


class ReversalBudget(Settings):
    """How often the direction may turn before scale-in is held back."""

    count: int = Field(default=6, ge=0)
    """Turns allowed within the window."""
    window: Duration = 3600.0
    """The window they are counted in."""


class Absence(Settings):
    """What happens while there is no fresh data. Scale-in is frozen from the first moment."""

    hold: Duration = 900.0
    """Keep the last good capacity this long ..."""
    floor: int | None = Field(default=None, ge=0)
    """... then raise it at least to this, where given."""


class Guards(Settings):
    """What keeps an action within bounds, whatever the policies want."""

    min: int = Field(default=1, ge=0)
    """Never fewer instances; the group's own minimum holds as well."""
    max: int | None = Field(default=None, ge=0)
    """Never more instances; the group's own maximum holds as well."""
    max_step: MaxStep = MaxStep()
    cooldown: Cooldowns = Cooldowns()
    stabilisation: Stabilisation = Stabilisation()
    confirm: PerDirection = PerDirection()
    min_life: Duration = 0.0
    """An instance is not removed before it is this old."""
    reversals: ReversalBudget = ReversalBudget()
    absence: Absence = Absence()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max ({self.max}) is below min ({self.min})")
        return self


class TargetSettings(Settings):
    """One target, as far as deciding goes."""

    signals: dict[str, SignalSettings] = Field(default_factory=lambda: {"cpu": SignalSettings()})
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

    _lookback: float = PrivateAttr(0.0)

    @model_validator(mode="after")
    def _known_signals(self) -> Self:
        known = ", ".join(self.signals) or "none"
        if self.demand and self.demand.signal not in self.signals:
            raise ValueError(f"demand.signal {self.demand.signal!r} is not one of the signals ({known})")
        for policy in self.policies:
            signal = getattr(policy, "signal", None)
            if signal is not None and signal not in self.signals:
                raise ValueError(
                    f"policy {policy.label!r} reads {signal!r}, not one of the signals ({known})"
                )
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

    def model_post_init(self, _context: object, /) -> None:
        """Work out once how much history the policies need."""
        self._lookback = max((p.lookback for p in self.policies), default=0.0)

    @property
    def lookback(self) -> float:
        """Seconds of history that the policies look at."""
        return self._lookback
