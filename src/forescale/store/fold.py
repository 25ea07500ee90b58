"""Folding: what says nothing new is kept in a few bytes, and comes back byte for byte.

A target is evaluated every few seconds; most of the time nothing has changed. So the ledger
keeps an event together with the quiet evaluations that followed it (an `EventRun`), and a
decision together with the equal ones that followed it (a `DecisionRun`). Both say of each
further member only its id and time, relative to the one before. Pure, and shared with the
replay: what is folded here expands to exactly the values that went in.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from math import inf

from msgspec.structs import replace

from forescale.model.decision import Decision
from forescale.model.event import Event, Observed
from forescale.model.value import Value, encode

LIMIT = 360
"""The most members of a run: an hour at the default interval of 10 s."""


class Tick(Value, frozen=True, array_like=True):
    """An id and a time, relative to the ones before; `[keep, tail, after]` in JSON.

    The id is the first `keep` characters of the id before, then `tail`; the time is `after`
    seconds later than the time before.
    """

    keep: int
    tail: str
    after: float


class Stamp(Value, frozen=True, array_like=True):
    """An id and a time; of a decision, the id of the event it answers."""

    id: str
    time: float


class EventRun(Value, frozen=True):
    """An event, and the quiet evaluations that followed it. `last` is the newest of them."""

    first: Event
    last: Stamp
    ticks: tuple[Tick, ...] = ()

    @property
    def count(self) -> int:
        """The number of events."""
        return 1 + len(self.ticks)


class DecisionRun(Value, frozen=True):
    """A decision, and those after it that say the same: equal but for id, time and event.

    Their ids are consecutive: `<target>-<n>`, `<target>-<n+1>`, ... `digest` is a chained
    SHA-256 in hex: of the canonical bytes of the first decision, then each time of the
    previous digest followed by the bytes of the next decision.
    """

    first: Decision
    last: Stamp
    digest: str
    ticks: tuple[Tick, ...] = ()

    @property
    def count(self) -> int:
        """The number of decisions."""
        return 1 + len(self.ticks)

    @property
    def last_id(self) -> str:
        """The id of the newest decision."""
        return decision_id(self.first.target, decision_number(self.first) + self.count - 1)


class Difference(Value, frozen=True):
    """Where a replay first differs from the ledger; None where one side has no such decision.

    Equal decisions on both sides mean that the record itself does not match its digest.
    """

    id: str
    recorded: Decision | None
    replayed: Decision | None


def decision_id(target: str, number: int) -> str:
    """The id of a target's n-th decision."""
    return f"{target}-{number}"


def split_id(text: str) -> tuple[str, int] | None:
    """Target and number of a decision's id; None where it is not one."""
    target, _, digits = text.rpartition("-")
    if not (target and digits.isascii() and digits.isdigit()) or len(digits) > 18:  # 64 bits
        return None
    number = int(digits)
    return (target, number) if decision_id(target, number) == text else None


def decision_number(decision: Decision) -> int:
    """The n of a decision's id. Raises `ValueError` where the id is not `<target>-<n>`."""
    parts = split_id(decision.id)
    if parts is None or parts[0] != decision.target:
        raise ValueError(f"{decision.id!r} is not an id of a decision of {decision.target!r}")
    return parts[1]


def start_events(event: Event) -> EventRun:
    """A run of one event."""
    return EventRun(event, Stamp(event.id, event.time))


def add_event(run: EventRun, event: Event) -> EventRun | None:
    """The run with one event more; None where the event has news, or the run is full."""
    if not isinstance(event, Observed) or event.samples or event.fleet is not None:
        return None
    errors, blind = _sight(run.first)
    if event.errors != errors or event.blind is not blind or run.count >= LIMIT:
        return None
    stamp = Stamp(event.id, event.time)
    tick = _tick(run.last, stamp)
    return None if tick is None else EventRun(run.first, stamp, (*run.ticks, tick))


def expand_events(run: EventRun) -> Iterator[Event]:
    """Every event of the run, oldest first."""
    errors, blind = _sight(run.first)
    yield run.first
    for stamp in _stamps(Stamp(run.first.id, run.first.time), run.ticks):
        yield Observed(stamp.id, stamp.time, errors=errors, blind=blind)


def fold_events(events: Iterable[Event]) -> Iterator[EventRun]:
    """The runs that a sequence of events makes."""
    run: EventRun | None = None
    for event in events:
        grown = run and add_event(run, event)
        if run and not grown:
            yield run
        run = grown or start_events(event)
    if run:
        yield run


def start_decisions(decision: Decision) -> DecisionRun:
    """A run of one decision. Raises `ValueError` where its id is not `<target>-<n>`."""
    decision_number(decision)
    return DecisionRun(decision, Stamp(decision.event, decision.time), chain("", decision))


def add_decision(run: DecisionRun, decision: Decision) -> DecisionRun | None:
    """The run with one decision more; None where that says something else, or the run is full."""
    first = run.first
    number = decision_number(first) + run.count
    if run.count >= LIMIT or decision.id != decision_id(first.target, number):
        return None
    same = replace(decision, id=first.id, time=first.time, event=first.event)
    # The bytes, not the values: 1 == 1.0, but the two are not written alike.
    if encode(same) != encode(first):
        return None
    stamp = Stamp(decision.event, decision.time)
    tick = _tick(run.last, stamp)
    if tick is None:
        return None
    return DecisionRun(first, stamp, chain(run.digest, decision), (*run.ticks, tick))


def expand_decisions(run: DecisionRun) -> Iterator[Decision]:
    """Every decision of the run, oldest first."""
    first, number = run.first, decision_number(run.first)
    yield first
    for n, stamp in enumerate(_stamps(Stamp(first.event, first.time), run.ticks), number + 1):
        yield replace(first, id=decision_id(first.target, n), time=stamp.time, event=stamp.id)


def fold_decisions(decisions: Iterable[Decision]) -> Iterator[DecisionRun]:
    """The runs that a sequence of decisions makes."""
    run: DecisionRun | None = None
    for decision in decisions:
        grown = run and add_decision(run, decision)
        if run and not grown:
            yield run
        run = grown or start_decisions(decision)
    if run:
        yield run


def chain(digest: str, decision: Decision) -> str:
    """The digest of a run after one decision more; an empty digest starts it."""
    return sha256(bytes.fromhex(digest) + encode(decision)).hexdigest()


def digest_of(decisions: Iterable[Decision]) -> str:
    """The chained digest of a sequence of decisions."""
    digest = ""
    for decision in decisions:
        digest = chain(digest, decision)
    return digest


def first_difference(runs: Iterable[DecisionRun], replayed: Iterable[Decision]) -> Difference | None:
    """Where replayed decisions first differ from the recorded ones, byte for byte; None: nowhere."""
    decisions = iter(replayed)
    for run in runs:
        found = list(islice(decisions, run.count))
        # Both: the digest was made when it was decided, the record is what people read.
        if digest_of(found) != run.digest or list(expand_decisions(run)) != found:
            return _difference(run, found)
    extra = next(decisions, None)
    return None if extra is None else Difference(extra.id, None, extra)


def _difference(run: DecisionRun, found: list[Decision]) -> Difference:
    for i, recorded in enumerate(expand_decisions(run)):
        if i >= len(found):
            return Difference(recorded.id, recorded, None)
        if encode(found[i]) != encode(recorded):
            return Difference(recorded.id, recorded, found[i])
    return Difference(run.first.id, run.first, found[0])


def _sight(first: Event) -> tuple[tuple[str, ...], bool]:
    """What the quiet evaluations of a run say of errors and blindness: the same as its first."""
    return (first.errors, first.blind) if isinstance(first, Observed) else ((), False)


def _tick(before: Stamp, stamp: Stamp) -> Tick | None:
    """The stamp relative to the one before; None where it would not come back exactly.

    Neighbouring times differ by less than a factor of two, so their difference is exact
    (Sterbenz' lemma) and adding it gives the time again; anything else is refused.
    """
    time = stamp.time
    after = time - before.time
    if type(time) is not float or not 0 < time < inf or before.time + after != time:
        return None
    keep = _common(before.id, stamp.id)
    return Tick(keep, stamp.id[keep:], after)


def _common(a: str, b: str) -> int:
    """The length of the common start of two texts."""
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def _stamps(first: Stamp, ticks: tuple[Tick, ...]) -> Iterator[Stamp]:
    text, time = first.id, first.time
    for tick in ticks:
        text, time = text[: tick.keep] + tick.tail, time + tick.after
        yield Stamp(text, time)
