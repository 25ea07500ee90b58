"""Keep utilisation at a target: desired = ceil(demand / target)."""

from math import ceil, inf
from typing import Literal

from pydantic import Field

from forescale.model.decision import Observation, Proposal
from forescale.model.forecast import Forecast, NotReady
from forescale.model.settings import Duration, Ratio, format_duration
from forescale.policy.base import PolicySettings
from forescale.policy.runs import lasted

# Demand is a product of floats: without this, 0.6 * 5 instances at a target of 0.6 asks for 6.
_ROUNDING = 1e-9


class TargetTracking(PolicySettings):
    """Keep the share of serving capacity in use at `target`.

    Demand is in instances, so ceil(demand / target) is the ceil(n · utilisation / target)
    of AWS's target tracking. Both directions wait until utilisation has been on their side
    of the target for a while, as AWS's alarms do (3 and 15 datapoints of a minute).
    """

    type: Literal["target_tracking"] = "target_tracking"
    target: Ratio = Field(default=0.6, gt=0)
    """The utilisation to keep."""
    out_after: Duration = 180.0
    """Scale out once utilisation has been above the target for this long."""
    in_after: Duration = 900.0
    """Scale in once utilisation has been below `in_below` of the target for this long."""
    in_below: Ratio = Field(default=0.9, gt=0)
    """The share of the target below which there is too much capacity."""

    @property
    def lookback(self) -> float:
        """The longer of the two runs."""
        return max(self.out_after, self.in_after)

    def propose(self, obs: Observation, forecast: Forecast | NotReady) -> Proposal:
        """Go to the target once utilisation has been off it for long enough."""
        demand = obs.demand
        if demand is None:
            return self.blind("demand is absent or stale")
        fleet, wanted = obs.fleet, ceil(demand / self.target - _ROUNDING)
        text = f"demand {demand:.2f} is {demand / max(fleet.in_service, 1):.0%} of {fleet.in_service} serving"
        if wanted > fleet.desired:
            if self._lasted(obs, self.out_after, above=self.target):
                return self.prefer(wanted, f"{text}: above {self.target:.0%}, so {wanted}")
            text += f": {wanted} wanted once above {self.target:.0%} for {format_duration(self.out_after)}"
        elif wanted < fleet.desired:
            idle = self.target * self.in_below
            if fleet.pending:
                text += f": {wanted} would do, but {fleet.pending} still boot"
            elif self._lasted(obs, self.in_after, below=idle):
                return self.prefer(wanted, f"{text}: below {idle:.0%}, so {wanted}")
            else:
                text += f": {wanted} would do once below {idle:.0%} for {format_duration(self.in_after)}"
        return self.prefer(fleet.desired, text)

    @staticmethod
    def _lasted(obs: Observation, enough: float, *, above: float = -inf, below: float = inf) -> bool:
        used = (
            (load.time, None if load.demand is None else load.demand / max(load.serving, 1))
            for load in reversed(obs.loads)
        )
        return lasted(used, obs.load_period, enough, above=above, below=below)
