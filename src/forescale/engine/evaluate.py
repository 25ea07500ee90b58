"""One evaluation: observation, proposals, arbitration, guards, decision."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

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
from forescale.model.event import Observed, Override
from forescale.model.fleet import FleetStatus
from forescale.model.forecast import Forecast, NotReady
from forescale.model.sample import Load
from forescale.model.state import Confirmation, State
from forescale.model.tally import Tally
from forescale.policy import guards
from forescale.policy.arbitrate import Verdict, arbitrate
from forescale.policy.guards import Plan

replace = msgspec.structs.replace

_NO_ARMS: Mapping[str, Tally] = {}
_NO_FORECAST = NotReady("none has been made yet")


@dataclass(slots=True)
class Conclusion:
    """Where an evaluation led, and what led there; lives only within a step."""

    obs: Observation
    proposals: tuple[Proposal, ...]
    verdict: Verdict
    plan: Plan
    recommended: int
    confirmation: Confirmation
    fresh: bool

    @property
    def desired(self) -> int:
        """What is to be, after clamps and blockers."""
        return self.plan.current if self.plan.blockers else self.plan.desired

    @property
    def memos(self) -> dict[str, tuple[float, ...]]:
        """What the policies want to be told next time."""
        return {p.policy: p.memo for p in self.proposals if p.memo}


def evaluate(
    state: State,
    fleet: FleetStatus,
    now: float,
    cfg: TargetSettings,
    arms: Mapping[str, Tally] = _NO_ARMS,
) -> Conclusion:
    """Conclude for a target whose fleet is known. `arms` are the tallies of those in its shadow."""
    obs = observation(state, fleet, now, cfg, arms)
    forecast: Forecast | NotReady = state.forecast or _NO_FORECAST
    proposals = tuple([policy.propose(obs, forecast) for policy in cfg.policies])
    verdict = arbitrate(proposals, fleet.desired)
    blind = verdict.blind or (cfg.demand is not None and obs.demand is None)
    plan, verdict = _plan(state.override, verdict, fleet)
    guards.bounds(plan, cfg.guards, fleet)
    if blind:
        _unsure(plan, state, obs, cfg)
    recommended = plan.desired
    confirmation = _confirmation(state, plan.direction)
    if plan.desired != plan.current:
        _guard(plan, state, confirmation.count, obs, cfg)
    return Conclusion(obs, proposals, verdict, plan, recommended, confirmation, not blind)


def _plan(override: Override | None, verdict: Verdict, fleet: FleetStatus) -> tuple[Plan, Verdict]:
    """What to start from: a capacity given by hand, else what the policies want."""
    if override is None:
        return Plan(fleet.desired, verdict.desired, list(verdict.clamps)), verdict
    why = f"override by {override.by}" + (f": {override.why}" if override.why else "")
    verdict = Verdict(override.desired, override.desired, (Reason("override", why),))
    return Plan(fleet.desired, override.desired), verdict


def observation(
    state: State,
    fleet: FleetStatus,
    now: float,
    cfg: TargetSettings,
    arms: Mapping[str, Tally] = _NO_ARMS,
) -> Observation:
    """What the policies may look at."""
    lead = fleet.lead_time.seconds if fleet.lead_time is not None else cfg.lead_time
    demand = None
    if cfg.demand is not None:
        since = now - cfg.signals[cfg.demand.signal].max_age - cfg.period
        demand = _newest_demand(state.loads, since)
    views = {}
    for name in cfg.read:
        points, settings = state.signals.get(name, ()), cfg.signals[name]
        since = now - settings.max_age - settings.period
        value = _newest(((p.time, p.value) for p in reversed(points)), since)
        views[name] = SignalView(points, settings.period, value)
    return Observation(
        now, fleet, float(lead), demand, state.loads, cfg.period, views, state.tally, arms, state.memos
    )


def _newest_demand(loads: Sequence[Load], since: float) -> float | None:
    newest = loads[-1] if loads else None
    if newest is not None and newest.demand is not None and newest.time >= since:
        return newest.demand  # nearly always
    return _newest(((load.time, load.demand) for load in reversed(loads)), since)


def _newest(newest_first: Iterable[tuple[float, float | None]], since: float) -> float | None:
    """The newest known value, of (time, value) pairs; None where it is from before `since`."""
    for time, value in newest_first:
        if time < since:
            return None
        if value is not None:
            return value
    return None


def _unsure(plan: Plan, state: State, obs: Observation, cfg: TargetSettings) -> None:
    """Without fresh data. An override is no conclusion from data: where it says fewer, fewer it is."""
    override = state.override
    if override is None or override.desired >= plan.current:
        guards.absence(plan)
    if override is None:
        guards.safe_floor(plan, state.seen, cfg.guards, obs.fleet, obs.time)


def _guard(plan: Plan, state: State, confirmed: int, obs: Observation, cfg: TargetSettings) -> None:
    """What limits an action holds for everybody; what only makes sure does not delay an override."""
    now, fleet, settings = obs.time, obs.fleet, cfg.guards
    by_hand = state.override is not None
    if not by_hand:
        guards.stabilise(plan, state.wanted, settings, now)
    guards.max_step(plan, settings)
    guards.removable(plan, settings, fleet, now)
    guards.fleet_busy(plan, fleet)
    if not by_hand:
        guards.confirm(plan, confirmed, settings)
        guards.cooldown(plan, state.history, settings)
        guards.reversals(plan, state.history, settings, now)
    guards.held(plan, state, now)
    guards.drop_expired(plan, now)


def _confirmation(state: State, direction: Direction) -> Confirmation:
    last = state.confirmation
    if direction is Direction.HOLD or state.override is not None:
        return last if last.count == 0 else Confirmation()
    return Confirmation(direction, last.count + 1 if last.direction is direction else 1)


def decision(state: State, event: Observed, found: Conclusion, more: tuple[Reason, ...] = ()) -> Decision:
    """The decision for the ledger, with everything that led there, `more` reasons included."""
    obs, plan, verdict, desired = found.obs, found.plan, found.verdict, found.desired
    unread = tuple(Reason("unread", error) for error in event.errors) if event.errors else ()
    return Decision(
        id=f"{state.target}-{state.seq}",
        target=state.target,
        time=obs.time,
        event=event.id,
        direction=Direction.HOLD if desired == plan.current else plan.direction,
        current=plan.current,
        wanted=verdict.wanted,
        desired=desired,
        demand=obs.demand,
        in_service=obs.fleet.in_service,
        pending=obs.fleet.pending,
        lead_time=obs.lead_time,
        reasons=(*verdict.reasons, *unread, *more),
        clamps=tuple(plan.clamps),
        blockers=tuple(plan.blockers),
        proposals=tuple([replace(p, memo=()) if p.memo else p for p in found.proposals]),
    )


def unseen(state: State, event: Observed, now: float) -> Decision:
    """The decision where the fleet could not be observed: nothing, and why."""
    current, why = state.expected or 0, "; ".join(event.errors) or "the group could not be observed"
    return Decision(
        id=f"{state.target}-{state.seq}",
        target=state.target,
        time=now,
        event=event.id,
        direction=Direction.HOLD,
        current=current,
        wanted=current,
        desired=current,
        blockers=(Blocker("fleet_unknown", why),),
    )
