"""What policies share: a name, a priority, and ways to say what they want."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from forescale.model.decision import Proposal, Reason
from forescale.model.settings import Settings

MOST = 1_000_000
"""No group is larger than this: what asks for more comes from a broken metric or a slip of the pen."""

Instances = Annotated[int, Field(ge=0, le=MOST)]
"""A number of instances in the settings."""

_NO_ARMS: "Mapping[str, tuple[PolicySettings, ...]]" = {}


class PolicySettings(Settings):
    """The options every policy has. Subclasses add a `type`, their own options and `propose`."""

    name: str = ""
    """How the policy is called in decisions; its type where left out."""
    priority: int = Field(default=0, ge=0, le=100)
    """Bounds of a policy of higher priority win over those of a lower one."""

    @property
    def label(self) -> str:
        """The name in proposals and reasons."""
        return self.name or str(getattr(self, "type", "policy"))

    @property
    def forecasts(self) -> bool:
        """It acts on forecasts of demand, so somebody must make them."""
        return False

    @property
    def arms(self) -> "Mapping[str, tuple[PolicySettings, ...]]":
        """Strategies that are to run in the shadow for this policy, which sees their tallies by name."""
        return _NO_ARMS

    def prefer(self, desired: int, why: str) -> Proposal:
        """A proposal with a preference; never for fewer than none or more than `MOST`."""
        label, desired = self.label, min(max(desired, 0), MOST)
        return Proposal(label, desired=desired, priority=self.priority, reasons=(Reason(label, why),))

    def blind(self, why: str) -> Proposal:
        """A proposal of a policy that cannot see: it vetoes scale-in."""
        label = self.label
        return Proposal(label, priority=self.priority, blind=True, reasons=(Reason(label, why),))

    def bound(self, lower: int | None, upper: int | None, why: str) -> Proposal:
        """A proposal that only binds what others prefer."""
        label = self.label
        return Proposal(
            label, lower=lower, upper=upper, priority=self.priority, reasons=(Reason(label, why),)
        )
