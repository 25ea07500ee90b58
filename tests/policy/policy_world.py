"""What the policies' tests share: an observation out of a few numbers."""

from typing import Any

from pydantic import TypeAdapter

from forescale.model.decision import Observation, Proposal, SignalView
from forescale.model.fleet import FleetStatus
from forescale.model.forecast import NotReady
from forescale.model.sample import Load, Point
from forescale.policy import AnyPolicy

T0 = 1_767_571_200.0  # 2026-01-05 00:00 UTC, a Monday
NO_FORECAST = NotReady("none in this test")
_POLICY: TypeAdapter[Any] = TypeAdapter(AnyPolicy)


def policy(kind: str, **fields: Any) -> Any:
    """A policy as a configuration would give it."""
    return _POLICY.validate_python({"type": kind} | fields)


def fleet(desired: int = 4, pending: int = 0, **fields: Any) -> FleetStatus:
    """A group between 0 and 100 instances."""
    return FleetStatus(desired, 0, 100, desired - pending, pending, **fields)


def observe(
    *values: float | None,
    desired: int = 4,
    pending: int = 0,
    now: float = T0,
    period: float = 60.0,
    lead: float = 240.0,
    signal: str = "cpu",
) -> Observation:
    """Utilisation in percent, oldest first, the newest bucket ending now; as demand and as signal."""
    serving = desired - pending
    times = [now - period * (len(values) - i) for i in range(len(values))]
    pairs = list(zip(times, values, strict=True))
    loads = tuple(Load(t, None if v is None else v / 100 * serving, serving) for t, v in pairs)
    newest = next((v for v in reversed(values) if v is not None), None)
    return Observation(
        time=now,
        fleet=fleet(desired, pending),
        lead_time=lead,
        demand=None if newest is None else newest / 100 * serving,
        loads=loads,
        load_period=period,
        signals={signal: SignalView(tuple(Point(t, v) for t, v in pairs), period, newest)},
    )


def want(policy: Any, obs: Observation) -> int | None:
    """What the policy prefers."""
    proposal: Proposal = policy.propose(obs, NO_FORECAST)
    return proposal.desired
