"""What a commit is going to write, worked out in memory: no reading, no database.

A `Head` is all that the writer must know of a target to write its next rows: how many events
there are, and the two runs that may still grow. Planning makes new heads and leaves the old
ones alone, so a commit that fails has changed nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import Table

from forescale.model.decision import Decision
from forescale.model.effect import Act, Action, Decided, Notice
from forescale.model.errors import StoreError
from forescale.model.event import Commanded, Event, Reported
from forescale.model.journal import Entry
from forescale.model.state import State
from forescale.model.value import encode
from forescale.store import fold, schema
from forescale.store.fold import DecisionRun, EventRun


class Version(NamedTuple):
    """What tells whether a target in the database is as the writer last knew it."""

    events: int
    event_id: str
    event_row: int | None
    decision_row: int | None


@dataclass(frozen=True, slots=True)
class Head:
    """Where a target's ledger ends. The rows are the keys of the runs that may still grow."""

    target_id: int
    name: str
    events: int = 0
    event_id: str = ""
    time: float = 0.0
    event_row: int | None = None
    event_run: EventRun | None = None
    decision_row: int | None = None
    decision_event: int = 0
    decision_run: DecisionRun | None = None

    @property
    def version(self) -> Version:
        """What the target's row in the database says, if nobody else has written."""
        return Version(self.events, self.event_id, self.event_row, self.decision_row)


Row = dict[str, Any]


@dataclass(slots=True)
class Plan:
    """The rows of one transaction, by table and key, each as it will be in the end."""

    before: dict[str, Head]
    heads: dict[str, Head] = field(default_factory=dict)
    rows: dict[Table, dict[tuple[int, ...], Row]] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    outcomes: list[Row] = field(default_factory=list)
    commands: list[tuple[str, Row]] = field(default_factory=list)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    durable: bool = False

    def add(self, entry: Entry) -> None:
        """Plan to write an entry. Raises `StoreError` for a decision whose id is not one."""
        head = self._head(entry.target)
        number = head.events
        head = self._event(head, entry.event)
        for position, effect in enumerate(entry.effects):
            if isinstance(effect, Decided):
                head = self._decision(head, number, effect.decision)
            elif isinstance(effect, Act):
                self._action(head, number, effect.action)
            else:
                self._notice(head, number, position, effect)
        self.heads[entry.target] = head
        self.states[entry.target] = entry.state
        self.entries.setdefault(entry.target, []).append(entry)

    def add_segment(self, target: str, settings: str, state: State) -> None:
        """Plan to start a segment: whatever comes next starts rows of its own."""
        head = self._head(target)
        head = replace(head, event_row=None, event_run=None, decision_row=None, decision_run=None)
        key = {"target_id": head.target_id, "start": head.events}
        row = key | {"time": head.time, "settings": settings, "state": _text(state)}
        self._put(schema.segment, tuple(key.values()), row)
        self.heads[target] = head
        self.states[target] = state

    def targets(self) -> Iterable[Row]:
        """The rows of the targets themselves."""
        for name, head in self.heads.items():
            state = self.states[name]
            yield {
                "id": head.target_id,
                "name": name,
                "time": head.time,
                "seq": state.seq,
                "state": _text(state),
                **head.version._asdict(),
            }

    def _head(self, target: str) -> Head:
        return self.heads.get(target) or self.before[target]

    def _event(self, head: Head, event: Event) -> Head:
        row, run = head.event_row, head.event_run and fold.add_event(head.event_run, event)
        if row is None or run is None:
            row, run = head.events, fold.start_events(event)
        self._put(
            schema.event,
            (head.target_id, row),
            {
                "target_id": head.target_id,
                "n": row,
                "count": run.count,
                "time": run.first.time,
                "last_time": run.last.time,
                "body": _text(run.first),
                "ticks": _text(run.ticks),
            },
        )
        self._consequence(head, event)
        return replace(
            head,
            events=head.events + 1,
            event_id=event.id,
            time=event.time,
            event_row=row,
            event_run=run,
        )

    def _consequence(self, head: Head, event: Event) -> None:
        """What an event means for rows that are there already: an outcome, a command taken."""
        if isinstance(event, Reported):
            self.durable = True
            parts = fold.split_id(event.outcome.action)
            if parts and parts[0] == head.name:
                key = {"of_target": head.target_id, "of_n": parts[1]}
                outcome = {"outcome_time": event.time, "outcome": _text(event.outcome)}
                self.outcomes.append(key | outcome)
        elif isinstance(event, Commanded):
            self.durable = True
            posted = command_number(event.id)
            if posted is not None:
                key = {"of_id": posted, "of_target": head.target_id}
                row = key | {"taken": head.events, "taken_time": event.time}
                self.commands.append((head.name, row))

    def _decision(self, head: Head, number: int, decision: Decision) -> Head:
        row, event = head.decision_row, head.decision_event
        run = head.decision_run and fold.add_decision(head.decision_run, decision)
        if row is None or run is None:
            event = number
            try:
                row, run = fold.decision_number(decision), fold.start_decisions(decision)
            except ValueError as error:
                raise StoreError(str(error)) from None
        first = run.first
        self._put(
            schema.decision,
            (head.target_id, row),
            {
                "target_id": head.target_id,
                "n": row,
                "event": event,
                "count": run.count,
                "time": first.time,
                "last_time": run.last.time,
                "direction": first.direction.value,
                "digest": run.digest,
                "body": _text(first),
                "ticks": _text(run.ticks),
            },
        )
        return replace(head, decision_row=row, decision_event=event, decision_run=run)

    def _action(self, head: Head, number: int, action: Action) -> None:
        parts = fold.split_id(action.id)
        if parts is None or parts[0] != head.name:
            raise StoreError(f"{action.id!r} is not an id of an action of {head.name!r}")
        key = {"target_id": head.target_id, "n": parts[1]}
        row = key | {"event": number, "time": action.time, "body": _text(action)}
        self._put(schema.action, tuple(key.values()), row)
        self.durable = True

    def _notice(self, head: Head, number: int, position: int, notice: Notice) -> None:
        key = {"target_id": head.target_id, "event": number, "position": position}
        row = key | {"time": notice.time, "kind": notice.kind, "text": notice.text}
        self._put(schema.notice, tuple(key.values()), row)

    def _put(self, table: Table, key: tuple[int, ...], row: Row) -> None:
        self.rows.setdefault(table, {})[key] = row


def command_id(number: int) -> str:
    """The id of a posted command, and of the `Commanded` event it becomes."""
    return f"command-{number}"


def command_number(text: str) -> int | None:
    """The row of a posted command; None where the event came by another way."""
    parts = fold.split_id(text)
    return parts[1] if parts and parts[0] == "command" else None


def _text(value: Any) -> str:
    return encode(value).decode()
