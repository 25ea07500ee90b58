"""What keeps an action within bounds, whatever the policies want. One function per guard.

A guard clamps the plan (moves its capacity, noting from what and why) or blocks it (nothing
is done now, noting until when). Every guard runs on every evaluation, so that all that holds
an action back is visible at once. None ever makes a scale-out smaller for the sake of peace:
only bounds, steps, an asked-for stabilisation and a failing cloud do that.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from forescale.model.decision import Blocker, Clamp, Direction
from forescale.model.fleet import FleetStatus
from forescale.model.sample import Point
from forescale.model.state import Completed, State
from forescale.policy.guard_settings import Guards


@dataclass(slots=True)
class Plan:
    """A capacity on its way through the guards; lives only within one evaluation."""

    current: int
    desired: int
    clamps: list[Clamp] = field(default_factory=list)
    blockers: list[Blocker] = field(default_factory=list)

    @property
    def direction(self) -> Direction:
        """Where the plan goes, blocked or not."""
        if self.desired == self.current:
            return Direction.HOLD
        return Direction.OUT if self.desired > self.current else Direction.IN

    def clamp(self, rule: str, after: int, why: str) -> None:
        """Move the capacity, if it is not there already."""
        if after != self.desired:
            self.clamps.append(Clamp(rule, self.desired, after, why))
            self.desired = after

    def block(self, rule: str, why: str, until: float | None = None) -> None:
        """Hold the action back."""
        self.blockers.append(Blocker(rule, why, None if until is None else float(until)))


def highest(guards: Guards, fleet: FleetStatus) -> int:
    """The most instances allowed: the lower of the configured and the group's own maximum."""
    return fleet.maximum if guards.max is None else min(guards.max, fleet.maximum)


def lowest(guards: Guards, fleet: FleetStatus) -> int:
    """The fewest instances allowed: the higher of both minima, but a maximum wins."""
    return min(max(guards.min, fleet.minimum), highest(guards, fleet))


def bounds(plan: Plan, guards: Guards, fleet: FleetStatus) -> None:
    """Within the configured and the group's own bounds; a maximum wins over a minimum."""
    if plan.desired > (upper := highest(guards, fleet)):
        plan.clamp("max", upper, f"the maximum is {upper}")
    elif plan.desired < (lower := min(max(guards.min, fleet.minimum), upper)):
        plan.clamp("min", lower, f"the minimum is {lower}")


def absence(plan: Plan) -> None:
    """On absent or stale data: no scale-in, from the first moment."""
    if plan.desired < plan.current:
        plan.clamp("absence", plan.current, "no scale-in on absent or stale data")


def safe_floor(plan: Plan, seen: float | None, guards: Guards, fleet: FleetStatus, now: float) -> None:
    """Without fresh data for too long: at least to the stated floor."""
    if guards.absence.floor is None or seen is None or now - seen < guards.absence.hold:
        return
    floor = min(guards.absence.floor, highest(guards, fleet))
    if plan.desired < floor:
        plan.clamp("absence", floor, "no fresh data for longer than absence.hold: to the floor")


def stabilise(plan: Plan, wanted: tuple[Point, ...], guards: Guards, now: float) -> None:
    """Scale-in to the largest, scale-out to the smallest recommendation of its window."""
    windows = guards.stabilisation
    if plan.desired < plan.current and windows.in_:
        top = int(max(_values(in_force(wanted, now - windows.in_)), default=plan.desired))
        if top > plan.desired:
            plan.clamp("stabilisation", min(top, plan.current), f"{top} was wanted within the window")
    elif plan.desired > plan.current and windows.out:
        low = int(min(_values(in_force(wanted, now - windows.out)), default=plan.desired))
        if low < plan.desired:
            plan.clamp("stabilisation", max(low, plan.current), f"{low} was wanted within the window")


def in_force(changes: tuple[Point, ...], since: float) -> tuple[Point, ...]:
    """The change points after `since`, and the one before, whose value held until the next."""
    return changes[max(bisect_right(changes, since, key=lambda p: p.time) - 1, 0) :]


def _values(points: Iterable[Point]) -> Iterable[float]:
    return (p.value for p in points if p.value is not None)


def max_step(plan: Plan, guards: Guards) -> None:
    """No more instances at once than allowed."""
    up, down = guards.max_step.up, guards.max_step.down
    if up is not None and plan.desired > plan.current + up:
        plan.clamp("max_step", plan.current + up, f"at most {up} more at once")
    elif down is not None and plan.desired < plan.current - down:
        plan.clamp("max_step", plan.current - down, f"at most {down} fewer at once")


def removable(plan: Plan, guards: Guards, fleet: FleetStatus, now: float) -> None:
    """Scale-in takes neither protected instances nor, where ages are known, young ones."""
    if plan.desired >= plan.current:
        return
    booting = max(plan.current - fleet.in_service, 0)  # cancelled first, whatever their age
    free, rule = max(fleet.in_service - fleet.protected, 0), "protected"
    why = f"{fleet.protected} instances are protected from scale-in"
    if guards.min_life and fleet.launched is not None:
        old = sum(1 for launched in fleet.launched if launched <= now - guards.min_life)
        # The protected ones may be just those that are old enough.
        if (sure := max(old - fleet.protected, 0)) < free:
            free, rule = sure, "min_life"
            young = f"{old} of {fleet.in_service} in service are older than min_life"
            why = f"{young}, {fleet.protected} are protected" if fleet.protected else young
    if plan.desired < (lowest := plan.current - booting - free):
        plan.clamp(rule, min(lowest, plan.current), why)


def fleet_busy(plan: Plan, fleet: FleetStatus) -> None:
    """Nothing that the group's own state forbids."""
    if plan.direction is Direction.OUT and "Launch" in fleet.suspended:
        plan.block("suspended", "the group's Launch process is suspended")
    if plan.direction is Direction.IN and "Terminate" in fleet.suspended:
        plan.block("suspended", "the group's Terminate process is suspended")
    if plan.direction is Direction.IN and fleet.refreshing:
        plan.block("instance_refresh", f"instance refresh {fleet.refreshing} is under way")


def cooldown(plan: Plan, history: tuple[Completed, ...], guards: Guards) -> None:
    """Wait after the last action that was done."""
    if not history or plan.desired == plan.current:
        return
    out, last = plan.desired > plan.current, history[-1]
    if out and guards.cooldown.preempt and last.direction is Direction.IN:
        outs = (done for done in reversed(history) if done.direction is Direction.OUT)
        if (before := next(outs, None)) is None:
            return
        last = before  # its own cooldown may still run
    until = last.time + (guards.cooldown.out if out else guards.cooldown.in_)
    plan.block("cooldown", f"after the scale-{last.direction}", until)


def reversals(plan: Plan, history: tuple[Completed, ...], guards: Guards, now: float) -> None:
    """Hold back a scale-in that would turn the direction once too often."""
    if plan.desired >= plan.current or not history or history[-1].direction is Direction.IN:
        return
    allowed, window = guards.reversals.count, guards.reversals.window
    if history[-1].time <= now - window:
        return
    turns = turn_times(history, now - window)
    if len(turns) >= allowed:
        until = (turns[-allowed] if allowed else history[-1].time) + window
        plan.block("reversals", f"the direction has turned {len(turns)} times within the window", until)


def turn_times(history: tuple[Completed, ...], since: float) -> list[float]:
    """When the direction turned, after `since`."""
    return [b.time for a, b in pairwise(history) if a.direction is not b.direction and b.time > since]


def confirm(plan: Plan, count: int, guards: Guards) -> None:
    """Enough evaluations in a row must agree; `count` includes this one."""
    if plan.direction is Direction.HOLD:
        return
    needed = guards.confirm.out if plan.direction is Direction.OUT else guards.confirm.in_
    if count < needed:
        plan.block("confirmation", f"{count} of {needed} evaluations in a row")


def held(plan: Plan, state: State, now: float) -> None:
    """Paused by hand, backing off after a failure, or an action still without an outcome."""
    if plan.direction is Direction.HOLD:
        return
    if state.pause is not None and now < state.pause.until:
        plan.block("pause", f"paused by {state.pause.by}: {state.pause.why}".rstrip(": "), state.pause.until)
    if state.backoff is not None and now < state.backoff.until:
        plan.block("backoff", state.backoff.why, state.backoff.until)
    if state.acting is not None:
        plan.block("in_flight", f"the outcome of {state.acting.id} is not known yet", state.acting.expires)


def drop_expired(plan: Plan, now: float) -> None:
    """A blocker whose time has come blocks no more."""
    plan.blockers = [b for b in plan.blockers if b.until is None or b.until > now]
