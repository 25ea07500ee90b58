"""What people may say about an A/B test on a live target. What it does is in `experiment`."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from forescale.model.settings import Duration, Ratio, Settings
from forescale.policy import AnyPolicy
from forescale.policy.guard_settings import Guards

ArmName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$")]
"""How people call a strategy: short, for reports."""

_MOST = 400  # slices: the state holds every one of them


class Treatment(Settings):
    """What is tried. The control is always the target's own policies and guards."""

    policies: tuple[AnyPolicy, ...] = Field(min_length=1)
    """What decides under the treatment."""
    guards: Guards | None = None
    """What keeps it within bounds; left out: the target's own guards."""


class MinimumEffect(Settings):
    """The least difference worth knowing; what is smaller counts as none."""

    cost: Ratio = Field(default=0.05, gt=0)
    """Of the cost per unit of demand, relative to the control's."""
    violations: Ratio = Field(default=0.005, gt=0)
    """Of the share of all requests that meet too little capacity, in percentage points."""


class Harm(Settings):
    """When the treatment ends by itself, for good."""

    violations: Ratio = Field(default=0.005, gt=0)
    """It is as good as certain (`alpha`) that it violates so much more of all requests than the control."""
    at_once: Ratio = Field(default=0.1, gt=0)
    """Within a slice it has violated so much more, of a whole slice's requests, than the control in the
    shadow: at once, without any test."""


class Experiment(Settings):
    """An A/B test on the live target: a treatment against the target's own policies."""

    name: str = Field(min_length=1, max_length=40)
    """What it is called. A new name starts anew, also after it has ended."""
    treatment: Treatment
    design: Literal["switchback", "matched"] = "switchback"
    """`switchback`: both take turns, slice by slice, in an order drawn by lot within each pair of slices;
    `matched`: of two targets one is treated, by lot."""
    matched_with: str | None = None
    """The other target of a matched pair, which names the same experiment and this target."""
    slice: Duration = Field(default=21600.0, ge=600)
    """How long one decides before lots are drawn again."""
    settle: Duration = 900.0
    """Left out at the start of each slice, besides the lead time: what the other has left behind."""
    seed: int = Field(default=0, ge=0)
    """Of the lots. Whoever knows it knows who decides when."""
    minimum_effect: MinimumEffect = MinimumEffect()
    alpha: Ratio = Field(default=0.05, gt=0, le=0.5)
    """How often, at most, a difference may be found where there is none, however often one looks."""
    harm: Harm = Harm()
    longest: Duration = Field(default=56 * 86400.0, gt=0)
    """After this, or after 400 slices, it ends, decided or not."""

    @property
    def lasts(self) -> float:
        """Seconds after which it ends."""
        return min(self.longest, _MOST * self.slice)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.settle > self.slice / 4:
            raise ValueError("settle is more than a quarter of slice: little would be left to measure")
        if (self.design == "matched") != (self.matched_with is not None):
            raise ValueError("design: matched and matched_with belong together")
        return self
