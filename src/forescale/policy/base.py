"""What policies share: a name and a priority of their own."""

from pydantic import Field

from forescale.model.settings import Settings


class PolicySettings(Settings):
    """The options every policy has. Subclasses add their own and `propose`."""

    name: str = ""
    """How the policy is called in decisions; its type where left out."""
    priority: int = Field(default=0, ge=0, le=100)
    """Bounds of a policy of higher priority win over those of a lower one."""

    @property
    def label(self) -> str:
        """The name in proposals and reasons."""
        return self.name or str(getattr(self, "type", "policy"))
