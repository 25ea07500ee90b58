"""What is written down together: an event, the state it led to, and the effects."""

from forescale.model.effect import Effect
from forescale.model.event import Event
from forescale.model.state import State
from forescale.model.value import Value


class Entry(Value, frozen=True):
    """One step of one target. The ledger writes it whole or not at all."""

    target: str
    event: Event
    state: State
    effects: tuple[Effect, ...] = ()


class Segment(Value, frozen=True):
    """A stretch of a target's ledger that can be replayed: from a state, under settings.

    `settings` is the JSON of the target's settings in force, `state` the state before the
    first event.
    """

    target: str
    settings: str
    state: State
    events: tuple[Event, ...] = ()
