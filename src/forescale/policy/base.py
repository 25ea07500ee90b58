"""What policies share: a name, a priority, and ways to say what they want."""

from pydantic import Field

from forescale.model.decision import Proposal, Reason
from forescale.model.settings import Settings


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

    def prefer(self, desired: int, why: str) -> Proposal:
        """A proposal with a preference."""
        label = self.label
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
