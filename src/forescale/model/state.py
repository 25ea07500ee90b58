"""What a target remembers between events. Plain, serialisable, survives a restart."""

from forescale.model.decision import Direction
from forescale.model.effect import Action
from forescale.model.event import Override, Pause
from forescale.model.fleet import FleetStatus
from forescale.model.forecast import Forecast
from forescale.model.sample import Load, Point
from forescale.model.value import Value


class Confirmation(Value, frozen=True):
    """How many evaluations in a row have wanted the same direction."""

    direction: Direction = Direction.HOLD
    count: int = 0


class Backoff(Value, frozen=True):
    """Why no action is taken before `until`."""

    until: float
    why: str


class Completed(Value, frozen=True):
    """An action that was done: when, and which way."""

    time: float
    direction: Direction


class State(Value, frozen=True):
    """Everything `step` remembers of one target.

    `serving` holds the change points of the number in service, `loads` recent demand,
    `signals` the recent buckets of every other signal a policy reads, `wanted` the change
    points of what was recommended within the stabilisation windows, `history` the actions
    done within the cooldowns and the reversal window (and the last before), `seen` the time
    at which data was last fresh,
    `expected` the desired capacity as last seen or set, `acting` the journaled action
    whose outcome is not yet known, `verifying` the one that was accepted and whose capacity
    is not yet there, `idle` the one that nothing was to be done about (a dry run).
    """

    target: str
    time: float = 0.0
    seq: int = 0
    fleet: FleetStatus | None = None
    serving: tuple[Point, ...] = ()
    loads: tuple[Load, ...] = ()
    signals: dict[str, tuple[Point, ...]] = {}
    wanted: tuple[Point, ...] = ()
    confirmation: Confirmation = Confirmation()
    history: tuple[Completed, ...] = ()
    seen: float | None = None
    expected: int | None = None
    acting: Action | None = None
    verifying: Action | None = None
    idle: Action | None = None
    backoff: Backoff | None = None
    pause: Pause | None = None
    override: Override | None = None
    forecast: Forecast | None = None
