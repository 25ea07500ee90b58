"""What keeps an action within bounds, whatever the policies want. One function per guard.

A guard clamps the plan (moves its capacity, noting from what and why) or blocks it (nothing
is done now, noting until when). Every guard runs on every evaluation, so that all that holds
an action back is visible at once. None ever makes a scale-out smaller for the sake of peace:
only bounds, steps, an asked-for stabilisation and a failing cloud do that.
"""

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
        self.blockers.append(Blocker(rule, why, until))


def highest(guards: Guards, fleet: FleetStatus) -> int:
    """The most instances allowed: the lower of the configured and the group's own maximum."""
    return fleet.maximum if guards.max is None else min(guards.max, fleet.maximum)


def bounds(plan: Plan, guards: Guards, fleet: FleetStatus) -> None:
    """Within the configured and the group's own bounds; a maximum wins over a minimum."""
    upper = highest(guards, fleet)
    if plan.desired > upper:
        plan.clamp("max", upper, f"the maximum is {upper}")
    elif plan.desired < (lower := max(guards.min, fleet.minimum)):
        plan.clamp("min", min(lower, upper), f"the minimum is {lower}")


def absence(plan: Plan, state: State, guards: Guards, fleet: FleetStatus, now: float, *, blind: bool) -> None:
    """Without fresh data: freeze scale-in at once, and after a while go to the floor."""
    if not blind:
        return
    if plan.desired < plan.current:
        plan.clamp("absence", plan.current, "no scale-in on absent or stale data")
    if guards.absence.floor is None or state.seen is None or now - state.seen < guards.absence.hold:
        return
    floor = min(guards.absence.floor, highest(guards, fleet))
    if plan.desired < floor:
        plan.clamp("absence", floor, "no fresh data for longer than absence.hold: to the floor")


def stabilise(plan: Plan, wanted: tuple[Point, ...], guards: Guards, now: float) -> None:
    """Scale-in to the largest, scale-out to the smallest recommendation of its window."""
    if plan.desired < plan.current and guards.stabilisation.in_:
        top = int(max(_within(wanted, now - guards.stabilisation.in_), default=plan.desired))
        if top > plan.desired:
            plan.clamp("stabilisation", min(top, plan.current), f"{top} was wanted within the window")
    elif plan.desired > plan.current and guards.stabilisation.out:
        low = int(min(_within(wanted, now - guards.stabilisation.out), default=plan.desired))
        if low < plan.desired:
            plan.clamp("stabilisation", max(low, plan.current), f"{low} was wanted within the window")


def _within(wanted: tuple[Point, ...], since: float) -> Iterable[float]:
    return (p.value for p in wanted if p.time > since and p.value is not None)


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
    free = fleet.in_service - fleet.protected
    if guards.min_life and fleet.launched is not None:
        old = sum(1 for launched in fleet.launched if launched <= now - guards.min_life)
        if old < free:
            plan.clamp(
                "min_life",
                min(max(plan.desired, plan.current - booting - old), plan.current),
                f"{old} of {fleet.in_service} in service are older than min_life",
            )
    if fleet.protected:
        plan.clamp(
            "protected",
            min(max(plan.desired, plan.current - booting - max(free, 0)), plan.current),
            f"{fleet.protected} instances are protected from scale-in",
        )


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
    last, out = history[-1], plan.desired > plan.current
    if out and guards.cooldown.preempt and last.direction is Direction.IN:
        return
    until = last.time + (guards.cooldown.out if out else guards.cooldown.in_)
    plan.block("cooldown", f"after the scale-{last.direction}", until)


def reversals(plan: Plan, history: tuple[Completed, ...], guards: Guards, now: float) -> None:
    """Hold back a scale-in that would turn the direction once too often."""
    if plan.desired >= plan.current or not history or history[-1].direction is Direction.IN:
        return
    if history[-1].time <= now - guards.reversals.window:
        return
    turns = turn_times(history, now - guards.reversals.window)
    if len(turns) >= guards.reversals.count:
        until = turns[-guards.reversals.count] + guards.reversals.window if guards.reversals.count else None
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
