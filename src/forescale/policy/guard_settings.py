"""What people may say about the guards. The guards themselves are in `guards`."""

from typing import Self

from pydantic import Field, model_validator

from forescale.model.settings import Duration, Settings


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
    """The safest recommendation within a window is the one that counts.

    Off by default: a policy's own `in_after` waits already, and waiting twice costs more
    without serving better (docs/backtest.md).
    """

    out: Duration = 0.0
    """A scale-out goes to the smallest recommendation of this window."""
    in_: Duration = Field(default=0.0, alias="in")
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
