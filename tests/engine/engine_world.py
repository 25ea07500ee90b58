"""What the engine's tests share: short ways to make settings, fleets and events, and a driver."""

from typing import Any

import msgspec

from forescale.engine.settings import TargetSettings
from forescale.engine.step import step
from forescale.model.decision import Decision
from forescale.model.effect import Act, Action, Decided, Done, Effect, Notice, Outcome
from forescale.model.event import Command, Commanded, Event, Observed, Reported
from forescale.model.fleet import FleetStatus
from forescale.model.sample import Point, Sample, Unit
from forescale.model.state import State
from forescale.model.value import decode, encode

T0 = 1_767_571_200.0  # 2026-01-05 00:00 UTC, a Monday
MINUTE = 60.0

# No guard holds anything back: what a test is about, it turns on by name.
OPEN: dict[str, Any] = {
    "min": 0,
    "cooldown": {"out": 0, "in": 0, "preempt": False},
    "stabilisation": {"out": 0, "in": 0},
    "reversals": {"count": 100},
}
# One datapoint beyond the target is enough, either way.
QUICK = {"type": "target_tracking", "target": "50%", "out_after": "1m", "in_after": "1m", "in_below": "100%"}


def settings(guards: dict[str, Any] | None = None, **fields: Any) -> TargetSettings:
    """Settings as a configuration would give them: quick target tracking and open guards."""
    fields = {"policies": [QUICK], "guards": OPEN | (guards or {})} | fields
    return TargetSettings.model_validate(fields)


def fleet(desired: int, in_service: int | None = None, **fields: Any) -> FleetStatus:
    """A group between 0 and 100 instances; what is not in service is pending."""
    serving = desired if in_service is None else in_service
    known = {"minimum": 0, "maximum": 100, "pending": max(desired - serving, 0)}
    return FleetStatus(desired=desired, in_service=serving, **(known | fields))


def sample(time: float, value: float | None, signal: str = "cpu", **fields: Any) -> Sample:
    """A datapoint of the bucket that starts at `time`."""
    return Sample(signal, time, value, Unit.PERCENT, "test", **fields)


class Engine:
    """Drives `step` as a runtime does. The state goes through its JSON after every event."""

    def __init__(self, cfg: TargetSettings, desired: int = 4, *, now: float = T0, **fields: Any) -> None:
        self.cfg, self.now = cfg, now
        self.fleet: FleetStatus = fleet(desired, **fields)
        self.state = State("web")
        self.effects: tuple[Effect, ...] = ()
        self.events: list[Event] = []

    def put(self, event: Event) -> tuple[Effect, ...]:
        """One step; the state survives a crash after each."""
        state, self.effects = step(self.state, event, self.cfg)
        self.state = decode(encode(state), State)
        assert self.state == state
        self.events.append(event)
        return self.effects

    def look(self, *samples: Sample, **fields: Any) -> Decision:
        """Observe now, with these samples."""
        known = {"fleet": None if fields.get("blind") else self.fleet}
        self.put(Observed(f"r{len(self.events)}", self.now, samples, **(known | fields)))
        (decided,) = (e for e in self.effects if isinstance(e, Decided))
        return decided.decision

    def tick(self, cpu: float | None = None, *, after: float = MINUTE, **fields: Any) -> Decision:
        """A minute later, the bucket of that minute is there (absent: None). Does what is decided."""
        self.now += after
        decision = self.look(*([] if cpu is None else [sample(self.now - MINUTE, cpu)]), **fields)
        if (action := self.act) is not None:
            self.report(Done(action.id, action.desired))
            self.resize(action.desired)
        return decision

    def ticks(self, cpu: float | None, count: int) -> list[Decision]:
        """So many minutes of the same."""
        return [self.tick(cpu) for _ in range(count)]

    def resize(self, desired: int, in_service: int | None = None) -> None:
        """The group follows at once, unless `in_service` says otherwise, and is seen to."""
        serving = desired if in_service is None else in_service
        points = (*self.state.serving, Point(self.now, float(serving)))
        self.state = msgspec.structs.replace(self.state, serving=points)
        self.fleet = msgspec.structs.replace(
            self.fleet, desired=desired, in_service=serving, pending=max(desired - serving, 0)
        )

    def report(self, outcome: Outcome) -> None:
        """An outcome arrives now."""
        self.put(Reported("r", self.now, outcome))

    def command(self, command: Command) -> None:
        """An order by hand, now."""
        self.put(Commanded("r", self.now, command))

    @property
    def act(self) -> Action | None:
        """What the last step wants done."""
        actions = [e.action for e in self.effects if isinstance(e, Act)]
        assert len(actions) <= 1
        return actions[0] if actions else None

    @property
    def notices(self) -> list[str]:
        """The kinds of notice of the last step."""
        return [e.kind for e in self.effects if isinstance(e, Notice)]


def rules(decision: Decision) -> list[str]:
    """What blocked."""
    return [blocker.rule for blocker in decision.blockers]


def clamped(decision: Decision) -> list[str]:
    """What clamped."""
    return [clamp.rule for clamp in decision.clamps]
