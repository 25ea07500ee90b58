"""What a target remembers between events. Plain, serialisable, survives a restart."""

from forescale.model.decision import Direction
from forescale.model.effect import Action
from forescale.model.event import Override, Pause
from forescale.model.fleet import FleetStatus
from forescale.model.forecast import Forecast
from forescale.model.sample import Load, Point
from forescale.model.tally import Tally
from forescale.model.trial import Trial
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
    is not yet there, `idle` the one that nothing was to be done about (a dry run), `tally`
    what has been billed and violated so far, `arms` the strategies that run in its shadow,
    `trial` the experiment that runs on it, `memos` what policies asked to be told again.
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
    tally: Tally = Tally()
    arms: dict[str, "Arm"] = {}
    trial: Trial | None = None
    memos: dict[str, tuple[float, ...]] = {}


class Arm(Value, frozen=True):
    """A strategy in the shadow of a target: the same demand, a modelled fleet, no way to act.

    `state` is what it remembers, as a target would: without orders, actions in flight and
    signals, which it shares with its target. `booting` holds when launches will serve, in the
    order of their launch, and how many they are.
    """

    state: State
    booting: tuple[Point, ...] = ()

    @property
    def desired(self) -> int:
        """Its capacity: in service or on its way."""
        return self.state.expected or 0

    @property
    def serving(self) -> int:
        """Its instances in service, when it was last evaluated."""
        return self.state.fleet.in_service if self.state.fleet is not None else 0

    @property
    def tally(self) -> Tally:
        """What it would have cost, and how well it would have served."""
        return self.state.tally
