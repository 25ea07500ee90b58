"""What the engine wants done, and what came of it: data, both ways."""

from math import isfinite

from forescale.model.decision import Decision, Direction
from forescale.model.value import Value


class Action(Value, frozen=True):
    """Set a target's desired capacity, once. `id` is the idempotency token (the decision's id).

    `previous` is the desired capacity the decision was made on: the actuator reads again
    before it writes and refuses if someone else has changed it. After `expires` it must
    not be done any more.
    """

    id: str
    target: str
    direction: Direction
    previous: int
    desired: int
    time: float
    expires: float


class Decided(Value, frozen=True, tag="decided"):
    """Write this decision to the ledger."""

    decision: Decision


class Act(Value, frozen=True, tag="act"):
    """Apply this action, after the state that holds it is journaled."""

    action: Action


class Notice(Value, frozen=True, tag="notice"):
    """Tell people: something happened that a decision does not show (`foreign_write`, ...)."""

    target: str
    time: float
    kind: str
    text: str


Effect = Decided | Act | Notice


class Done(Value, frozen=True, tag="done"):
    """The action was accepted. Only this starts a cooldown."""

    action: str
    desired: int


class NoOp(Value, frozen=True, tag="noop"):
    """There was nothing to do, or nothing may be done (dry run). Starts no cooldown."""

    action: str
    why: str


class Retry(Value, frozen=True, tag="retry"):
    """Not now (throttled, capacity missing): again after so many seconds."""

    action: str
    after: float
    why: str

    def __post_init__(self) -> None:
        if not isfinite(self.after):  # JSON has no infinity: the ledger could not be read back
            raise ValueError("`after` must be finite")


class Refused(Value, frozen=True, tag="refused"):
    """Not this action: a later evaluation decides anew."""

    action: str
    why: str


Outcome = Done | NoOp | Retry | Refused
