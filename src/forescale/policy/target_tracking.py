"""Keep utilisation at a target: desired = ceil(demand / target)."""

from math import ceil, inf
from typing import Literal

from pydantic import Field

from forescale.model.decision import Observation, Proposal, Reason
from forescale.model.forecast import Forecast, NotReady
from forescale.model.settings import Duration, Ratio
from forescale.policy.base import PolicySettings


class TargetTracking(PolicySettings):
    """Keep the share of serving capacity in use at `target`.

    Demand is in instances, so ceil(demand / target) is ceil(n · utilisation / target) of
    AWS's target tracking. Scale-out and scale-in wait until utilisation has been on their
    side of the target for so long; absent buckets neither confirm a scale-out nor break
    its run, and always break the run of a scale-in.
    """

    type: Literal["target_tracking"] = "target_tracking"
    target: Ratio = Field(default=0.6, gt=0)
    """The utilisation to keep."""
    out_after: Duration = 180.0
    """Scale out once utilisation has been above the target for this long."""
    in_after: Duration = 900.0
    """Scale in once utilisation has been below `in_below` of the target for this long."""
    in_below: Ratio = Field(default=0.9, gt=0)
    """The share of the target below which capacity is too much."""

    @property
    def lookback(self) -> float:
        """The longer of the two runs."""
        return max(self.out_after, self.in_after)

    def propose(self, obs: Observation, forecast: Forecast | NotReady) -> Proposal:
        """Scale to the target once utilisation has been off it for long enough."""
        if not obs.load_fresh:
            why = Reason(self.label, "demand is absent or stale")
            return Proposal(self.label, priority=self.priority, blind=True, reasons=(why,))
        demand = obs.loads[-1].demand
        if demand is None:  # a fresh bucket that has no value: the last one that has counts
            demand = next(load.demand for load in reversed(obs.loads) if load.demand is not None)
        wanted = max(ceil(demand / self.target - 1e-9), 0)
        return self._proposal(wanted, demand, obs)

    def _proposal(self, wanted: int, demand: float, obs: Observation) -> Proposal:
        desired = obs.fleet.desired
        used = demand / max(obs.fleet.in_service, 1)
        if wanted > desired and self._above(obs):
            text = f"demand {demand:.2f} is {used:.0%} of {obs.fleet.in_service}, above {self.target:.0%}"
        elif wanted < desired and not obs.fleet.pending and self._below(obs):
            text = f"demand {demand:.2f} has been below {self.in_below * self.target:.0%} of capacity"
        else:
            wanted, text = desired, f"demand {demand:.2f} is {used:.0%} of {obs.fleet.in_service} serving"
        return Proposal(
            self.label, desired=wanted, priority=self.priority, reasons=(Reason(self.label, text),)
        )

    def _above(self, obs: Observation) -> bool:
        return run_length(obs, above=self.target) >= self.out_after

    def _below(self, obs: Observation) -> bool:
        return run_length(obs, below=self.target * self.in_below) >= self.in_after


def run_length(obs: Observation, *, above: float = 0.0, below: float = inf) -> float:
    """For how many seconds, up to the newest bucket, utilisation has been within (above, below).

    A bucket without a value ends a run that is to lead to a scale-in (`below` given); any
    other run passes over it, for silence does not prove that load has gone.
    """
    oldest = newest = None
    for load in reversed(obs.loads):
        if load.demand is None:
            if below < inf:
                break
            continue
        if not above * load.serving < load.demand < below * load.serving:
            break
        newest = load.time if newest is None else newest
        oldest = load.time
    return 0.0 if newest is None or oldest is None else newest - oldest + obs.load_period
