"""Strategies in the shadow of a target: the same demand, a modelled fleet, and no way to act.

The fleet is that of the simulation (`forescale.sim.plant`): what is decided is billed at once and
serves after the lead time; a removal takes effect at once, what still boots first. An arm is
evaluated when a bucket of demand is new, and otherwise once in the time of a bucket.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from forescale.engine.account import count
from forescale.engine.evaluate import evaluate
from forescale.engine.memory import fewer, in_windows, recent_history, remember
from forescale.engine.observe import mean_serving, recent_loads
from forescale.engine.settings import TargetSettings
from forescale.model.fleet import FleetStatus
from forescale.model.sample import Load, Point
from forescale.model.state import Arm, Completed, Confirmation, State
from forescale.model.tally import Tally, begin

replace = msgspec.structs.replace

_NONE: Mapping[str, Tally] = {}


def tallies(arms: Mapping[str, Arm]) -> Mapping[str, Tally]:
    """What the arms would have cost, by name."""
    return {name: arm.state.tally for name, arm in arms.items()} if arms else _NONE


def shadow(state: State, tally: Tally, now: float, cfg: TargetSettings) -> dict[str, Arm]:
    """The arms after an observation, which `state` and `tally` hold already.

    An arm that is new starts from the fleet as it is; one that is not configured any more ends.
    """
    arms: dict[str, Arm] = {}
    for name, settings in cfg.arms.items():
        arm = state.arms.get(name) or _begin(state, now, cfg)
        mine = arm.state
        if mine.tally.counted != tally.counted or now - mine.time >= cfg.period:
            arm = _evaluate(arm, state, now, settings, tallies(arms))
        arms[name] = arm
    return arms


def back_to(arm: Arm, now: float) -> Arm:
    """After a clock that went back: nothing remembered may lie in the future."""
    mine = arm.state
    mine = replace(
        mine,
        time=min(mine.time, now),
        loads=tuple(load for load in mine.loads if load.time < now),
        serving=tuple(replace(p, time=min(p.time, now)) for p in mine.serving),
        wanted=tuple(replace(p, time=min(p.time, now)) for p in mine.wanted),
        history=tuple(replace(c, time=min(c.time, now)) for c in mine.history),
        seen=None if mine.seen is None else min(mine.seen, now),
        tally=mine.tally.back_to(now),
    )
    return Arm(mine, arm.booting)


def _lead(fleet: FleetStatus, cfg: TargetSettings) -> float:
    return fleet.lead_time.seconds if fleet.lead_time is not None else cfg.lead_time


def _begin(state: State, now: float, cfg: TargetSettings) -> Arm:
    """With the fleet as it is; what boots will serve in a lead time."""
    fleet, period = _fleet(state), cfg.period
    desired = fleet.in_service + fleet.pending
    booting = (Point(now + _lead(fleet, cfg), float(fleet.pending)),) if fleet.pending else ()
    mine = State(
        target=state.target,
        time=now - period,
        serving=(Point(now, float(fleet.in_service)),),
        loads=tuple(load for load in state.loads if load.time < now - period),
        expected=desired,
        seen=now,
        tally=begin(float(desired), now, period),
    )
    return Arm(mine, booting)


def _fleet(state: State) -> FleetStatus:
    if state.fleet is None:
        raise ValueError("a target without a fleet has no arms")
    return state.fleet


def _evaluate(arm: Arm, target: State, now: float, cfg: TargetSettings, others: Mapping[str, Tally]) -> Arm:
    """The arm's decision on what the target has seen, carried out on its own fleet."""
    seen, booting = _seen(arm, target, now, cfg)
    fleet = _fleet(seen)
    found = evaluate(seen, fleet, now, cfg, others)
    kept: dict[str, Any] = {
        "seen": now if found.fresh else seen.seen,
        "confirmation": found.confirmation,
        "wanted": remember(seen.wanted, found.recommended, now),
        "signals": {},
        "forecast": None,
        "memos": found.memos,
    }
    if (desired := found.desired) != fleet.desired:
        direction = found.plan.direction
        booting, serving = _resize(booting, fleet, desired, now + _lead(fleet, cfg))
        kept |= {
            "history": (*recent_history(seen.history, now, cfg), Completed(now, direction)),
            "serving": fewer(seen.serving, serving, now),
            "fleet": replace(fleet, desired=desired, in_service=serving, pending=desired - serving),
            "expected": desired,
            "tally": seen.tally.charge(float(desired), now),
            "confirmation": Confirmation(),
        }
    return Arm(replace(seen, **kept), booting)


def _seen(arm: Arm, target: State, now: float, cfg: TargetSettings) -> tuple[State, tuple[Point, ...]]:
    """What the arm sees now: its fleet as it has become, and the demand as its own instances share it."""
    mine, actual, period = arm.state, _fleet(target), cfg.period
    serving, booting = _boot(mine.serving, arm.booting, now)
    loads = _loads(mine, target.loads, serving, period)
    tally = count(mine.tally, mine.tally.rate, loads, now, cfg)
    loads, serving = recent_loads(loads, serving, now, cfg)
    in_service, desired = int(serving[-1].value or 0), mine.expected or 0
    fleet = FleetStatus(
        desired, actual.minimum, actual.maximum, in_service, desired - in_service, lead_time=actual.lead_time
    )
    seen = replace(
        mine,
        time=now,
        seq=mine.seq + 1,
        fleet=fleet,
        serving=serving,
        loads=loads,
        wanted=in_windows(mine.wanted, fleet, now, cfg),
        tally=tally,
        signals=target.signals,
        forecast=target.forecast,
    )
    return seen, booting


def _boot(
    serving: tuple[Point, ...], booting: tuple[Point, ...], now: float
) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """What has booted serves, since it had."""
    if not booting or min(launch.time for launch in booting) > now:
        return serving, booting
    for launch in sorted((x for x in booting if x.time <= now), key=lambda x: x.time):
        count = (serving[-1].value or 0.0) + (launch.value or 0.0)
        serving = (*serving, Point(max(launch.time, serving[-1].time), count))
    return serving, tuple(launch for launch in booting if launch.time > now)


def _loads(
    mine: State, loads: tuple[Load, ...], serving: tuple[Point, ...], period: float
) -> tuple[Load, ...]:
    """What has been counted stays as it was; what is newer is seen anew, with the arm's own instances."""
    since = mine.tally.counted or 0.0
    kept, news = mine.loads, []
    while kept and kept[-1].time >= since:
        kept = kept[:-1]
    for load in reversed(loads):
        if load.time < since:
            break
        news.append(Load(load.time, load.demand, mean_serving(serving, load.time, load.time + period)))
    return (*kept, *news[::-1])


def _resize(
    booting: tuple[Point, ...], fleet: FleetStatus, desired: int, ready: float
) -> tuple[tuple[Point, ...], int]:
    """What boots and how many serve after a decision: what boots is removed first, the youngest first."""
    change = desired - fleet.desired
    if change > 0:
        return (*booting, Point(ready, float(change))), fleet.in_service
    while change < 0 and booting:
        *older, youngest = booting
        left = int(youngest.value or 0) + change
        change = min(left, 0)
        booting = (*older, replace(youngest, value=float(left))) if left > 0 else tuple(older)
    return booting, fleet.in_service + change
