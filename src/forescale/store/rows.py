"""What the ledger hands out, beyond the values of the model."""

from forescale.model.effect import Action, Outcome
from forescale.model.journal import Segment
from forescale.model.value import Value
from forescale.store.fold import DecisionRun


class Recorded(Segment, frozen=True):
    """A segment to replay, with the decisions that were recorded in it, folded, oldest first."""

    decisions: tuple[DecisionRun, ...] = ()


class RecordedAction(Value, frozen=True):
    """A journaled action and the last that was heard of it; `outcome` is None before that."""

    action: Action
    outcome: Outcome | None = None
    reported: float | None = None


class Lease(Value, frozen=True):
    """Who may act on a target, and until when."""

    target: str
    holder: str
    expires: float


class Pruned(Value, frozen=True):
    """What a `prune` removed. `events` and `decisions` count single ones, not runs."""

    segments: int = 0
    events: int = 0
    decisions: int = 0
    actions: int = 0
    notices: int = 0
    commands: int = 0
