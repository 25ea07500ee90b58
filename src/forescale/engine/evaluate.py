"""One evaluation: observation, proposals, arbitration, guards, decision."""

from forescale.engine.settings import TargetSettings
from forescale.model.decision import (
    Blocker,
    Decision,
    Direction,
    Observation,
    Proposal,
    Reason,
    SignalView,
)
from forescale.model.event import Override
from forescale.model.fleet import FleetStatus
from forescale.model.forecast import Forecast, NotReady
from forescale.model.sample import Load, Point
from forescale.model.state import Confirmation, State
from forescale.model.value import Value
from forescale.policy import guards
from forescale.policy.arbitrate import Verdict, arbitrate
from forescale.policy.guards import Plan

_NO_FORECAST = NotReady("no forecaster is configured")


class Evaluation(Value, frozen=True):
    """A decision, and what the state must remember of how it was reached."""

    decision: Decision
    recommended: int
    confirmation: Confirmation
    fresh: bool


def evaluate(state: State, fleet: FleetStatus, event_id: str, now: float, cfg: TargetSettings) -> Evaluation:
    """Decide for a target whose fleet is known."""
    obs = observation(state, fleet, now, cfg)
    forecast: Forecast | NotReady = state.forecast or _NO_FORECAST
    proposals = tuple(policy.propose(obs, forecast) for policy in cfg.policies)
    verdict = arbitrate(proposals, fleet.desired)
    blind = verdict.blind or (cfg.demand is not None and obs.demand is None)
    if state.override is not None:
        plan, verdict = _overridden(state, state.override, obs, cfg)
        recommended, confirmation = plan.desired, Confirmation()
    else:
        plan = Plan(fleet.desired, verdict.wanted, list(verdict.clamps))
        guards.bounds(plan, cfg.guards, fleet)
        guards.absence(plan, state, cfg.guards, fleet, now, blind=blind)
        recommended, confirmation = plan.desired, _confirmation(state.confirmation, plan.direction)
        if plan.desired != plan.current:
            _guard(plan, state, confirmation.count, obs, cfg)
    decision = _decision(state, event_id, obs, plan, verdict, proposals)
    return Evaluation(decision, recommended, confirmation, not blind)


def observation(state: State, fleet: FleetStatus, now: float, cfg: TargetSettings) -> Observation:
    """What the policies may look at."""
    lead = fleet.lead_time.seconds if fleet.lead_time is not None else cfg.lead_time
    demand, period = None, 60.0
    if cfg.demand is not None:
        signal = cfg.signals[cfg.demand.signal]
        demand, period = _newest_load(state.loads, now - signal.max_age - signal.period), signal.period
    views = {}
    for name in cfg.read:
        points, settings = state.signals.get(name, ()), cfg.signals[name]
        value = _newest_value(points, now - settings.max_age - settings.period)
        views[name] = SignalView(points, settings.period, value)
    return Observation(now, fleet, lead, demand, state.loads, period, views)


def _newest_load(loads: tuple[Load, ...], since: float) -> float | None:
    for load in reversed(loads):
        if load.time < since:
            return None
        if load.demand is not None:
            return load.demand
    return None


def _newest_value(points: tuple[Point, ...], since: float) -> float | None:
    for point in reversed(points):
        if point.time < since:
            return None
        if point.value is not None:
            return point.value
    return None


def _guard(plan: Plan, state: State, confirmed: int, obs: Observation, cfg: TargetSettings) -> None:
    now, fleet, settings = obs.time, obs.fleet, cfg.guards
    guards.stabilise(plan, state.wanted, settings, now)
    guards.max_step(plan, settings)
    guards.removable(plan, settings, fleet, now)
    guards.fleet_busy(plan, fleet)
    guards.confirm(plan, confirmed, settings)
    guards.cooldown(plan, state.history, settings)
    guards.reversals(plan, state.history, settings, now)
    guards.held(plan, state, now)
    guards.drop_expired(plan, now)


def _overridden(
    state: State, override: Override, obs: Observation, cfg: TargetSettings
) -> tuple[Plan, Verdict]:
    """A capacity given by hand: only the bounds and what makes acting impossible stand above it."""
    why = f"override by {override.by}" + (f": {override.why}" if override.why else "")
    plan = Plan(obs.fleet.desired, override.desired)
    guards.bounds(plan, cfg.guards, obs.fleet)
    guards.fleet_busy(plan, obs.fleet)
    guards.held(plan, state, obs.time)
    guards.drop_expired(plan, obs.time)
    return plan, Verdict(override.desired, (Reason("override", why),))


def _confirmation(last: Confirmation, direction: Direction) -> Confirmation:
    if direction is Direction.HOLD:
        return last if last.count == 0 else Confirmation()
    return Confirmation(direction, last.count + 1 if last.direction is direction else 1)


def _decision(
    state: State,
    event_id: str,
    obs: Observation,
    plan: Plan,
    verdict: Verdict,
    proposals: tuple[Proposal, ...],
) -> Decision:
    desired = plan.current if plan.blockers else plan.desired
    return Decision(
        id=f"{state.target}-{state.seq}",
        target=state.target,
        time=obs.time,
        event=event_id,
        direction=Direction.HOLD if desired == plan.current else plan.direction,
        current=plan.current,
        wanted=verdict.wanted,
        desired=desired,
        demand=obs.demand,
        in_service=obs.fleet.in_service,
        pending=obs.fleet.pending,
        lead_time=obs.lead_time,
        reasons=verdict.reasons,
        clamps=tuple(plan.clamps),
        blockers=tuple(plan.blockers),
        proposals=proposals,
    )


def unseen(state: State, event_id: str, now: float, why: str) -> Decision:
    """The decision where the fleet could not be observed: nothing, and why."""
    current = state.expected or 0
    return Decision(
        id=f"{state.target}-{state.seq}",
        target=state.target,
        time=now,
        event=event_id,
        direction=Direction.HOLD,
        current=current,
        wanted=current,
        desired=current,
        blockers=(Blocker("fleet_unknown", why),),
    )
