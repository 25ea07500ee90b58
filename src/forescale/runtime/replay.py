"""The proof: what the ledger recorded, run through the engine again, decides the same to the byte."""

from collections.abc import Callable, Iterator
from typing import Protocol

from forescale.config.settings import Target
from forescale.engine.step import step
from forescale.model.decision import Decision
from forescale.model.effect import Decided
from forescale.model.journal import Segment
from forescale.model.value import Value
from forescale.store.fold import Difference, first_difference
from forescale.store.rows import Recorded


class Segments(Protocol):
    """What a replay needs of a ledger."""

    def segments(self, target: str, since: float | None = None) -> Iterator[Recorded]:
        """The stretches of a target's ledger that can be replayed, oldest first."""
        ...


class Replay(Value, frozen=True):
    """What came of replaying one target."""

    target: str
    segments: int = 0
    events: int = 0
    decisions: int = 0
    difference: Difference | None = None

    @property
    def equal(self) -> bool:
        """Every decision was the same, byte for byte."""
        return self.difference is None


def replay(
    ledger: Segments,
    target: str,
    since: float | None = None,
    progress: Callable[[int], None] = lambda _events: None,
) -> Replay:
    """Replay a target's ledger, up to the first difference. `progress` gets events done."""
    segments = events = decisions = 0
    for segment in ledger.segments(target, since):
        segments, events = segments + 1, events + len(segment.events)
        decisions += sum(run.count for run in segment.decisions)
        difference = first_difference(segment.decisions, decide_again(segment))
        progress(events)
        if difference is not None:
            return Replay(target, segments, events, decisions, difference)
    return Replay(target, segments, events, decisions)


def decide_again(segment: Segment) -> Iterator[Decision]:
    """The decisions that the engine takes on a segment's events, under the settings of then."""
    settings, state = Target.model_validate_json(segment.settings), segment.state
    for event in segment.events:
        state, effects = step(state, event, settings)
        yield from (effect.decision for effect in effects if isinstance(effect, Decided))
