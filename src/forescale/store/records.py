"""From rows back to values."""

from typing import Any, TypeVar

import msgspec

from forescale.model.decision import Decision
from forescale.model.effect import Outcome
from forescale.model.errors import StoreError
from forescale.model.event import Event
from forescale.model.value import decode
from forescale.store.fold import (
    DecisionRun,
    EventRun,
    Stamp,
    Tick,
    expand_decisions,
    expand_events,
)

T = TypeVar("T")


def value(body: str, kind: type[T]) -> T:
    """A value from its JSON. Raises `StoreError` where the row holds something else."""
    try:
        return decode(body, kind)
    except msgspec.DecodeError as error:
        raise StoreError(
            f"the ledger holds something that cannot be read: {error}",
            hint="it is damaged, or was edited by hand: restore it from a backup",
        ) from None


def event_run(body: str, ticks: str) -> EventRun:
    """An event row's run."""
    kind: Any = Event  # a union, which mypy does not take for a type
    first: Event = value(body, kind)
    run = EventRun(first, Stamp(first.id, first.time), value(ticks, tuple[Tick, ...]))
    if not run.ticks:
        return run
    *_, last = expand_events(run)
    return EventRun(first, Stamp(last.id, last.time), run.ticks)


def decision_run(body: str, ticks: str, digest: str) -> DecisionRun:
    """A decision row's run."""
    first = value(body, Decision)
    run = DecisionRun(first, Stamp(first.event, first.time), digest, value(ticks, tuple[Tick, ...]))
    if not run.ticks:
        return run
    *_, last = expand_decisions(run)
    return DecisionRun(first, Stamp(last.event, last.time), digest, run.ticks)


def outcome(body: str | None) -> Outcome | None:
    """An action's outcome, if there is one yet."""
    kind: Any = Outcome
    return None if body is None else value(body, kind)
