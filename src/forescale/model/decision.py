"""From what policies see to what is decided, with every reason on the way."""

from collections.abc import Mapping
from enum import StrEnum

from forescale.model.fleet import FleetStatus
from forescale.model.sample import Load, Point
from forescale.model.tally import Tally
from forescale.model.value import Value


class Reason(Value, frozen=True):
    """Why: the rule that says so (`target_tracking`, `cooldown`, ...) and a sentence."""

    rule: str
    text: str


class SignalView(Value, frozen=True):
    """Recent buckets of one signal, oldest first, each `period` seconds wide.

    `value` is the newest known value; None where that is absent or stale.
    """

    points: tuple[Point, ...]
    period: float
    value: float | None = None


class Observation(Value, frozen=True):
    """What a policy may look at. `loads` and `signals` are oldest first.

    `demand` is the newest known demand, in instances; None where it is absent or stale.
    `load_period` is the width of the buckets of `loads`. `signals` holds the series that
    policies read by name. `lead_time` is decision to
    serving, in seconds. `tally` is what was billed and violated so far, `arms` the same of
    the strategies in the shadow, `memos` what each policy asked to be told, by its name, `carried` the
    share of its capacity that an instance carries before requests are violated.
    """

    time: float
    fleet: FleetStatus
    lead_time: float
    demand: float | None = None
    loads: tuple[Load, ...] = ()
    load_period: float = 60.0
    signals: Mapping[str, SignalView] = {}
    tally: Tally = Tally()
    arms: Mapping[str, Tally] = {}
    memos: Mapping[str, tuple[float, ...]] = {}
    carried: float = 1.0


class Proposal(Value, frozen=True):
    """A preference, bounds, a priority and reasons. The zero value does nothing.

    `desired` is a preference; `lower` and `upper` bind whatever is preferred, higher
    priority first. `blind` says that the policy could not see (absent or stale data):
    a blind policy vetoes scale-in. `memo` is what it wants to be told at its next proposal;
    the state keeps it, a decision does not show it.
    """

    policy: str = ""
    desired: int | None = None
    lower: int | None = None
    upper: int | None = None
    priority: int = 0
    blind: bool = False
    reasons: tuple[Reason, ...] = ()
    memo: tuple[float, ...] = ()


class Clamp(Value, frozen=True):
    """A rule changed the capacity on its way: from what, to what, and why."""

    rule: str
    before: int
    after: int
    why: str


class Blocker(Value, frozen=True):
    """A rule stopped an action. `until` is when it lets go, None where no time is known."""

    rule: str
    why: str
    until: float | None = None


class Direction(StrEnum):
    """What a decision does to capacity."""

    OUT = "out"
    IN = "in"
    HOLD = "hold"


class Decision(Value, frozen=True):
    """What was decided for a target, and everything that led there.

    `id` is `<target>-<n>`, n counting the target's evaluations. `event` is the request id
    of the evaluation. `current` is the desired capacity found, `wanted` the largest preference
    of the policies (or the override), `desired` what is to be after clamps and blockers:
    the clamps lead from `wanted` to `desired`, unless something blocks and `current` stays.
    """

    id: str
    target: str
    time: float
    event: str
    direction: Direction
    current: int
    wanted: int
    desired: int
    demand: float | None = None
    in_service: int = 0
    pending: int = 0
    lead_time: float | None = None
    reasons: tuple[Reason, ...] = ()
    clamps: tuple[Clamp, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    proposals: tuple[Proposal, ...] = ()
