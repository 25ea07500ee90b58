"""What can be asked of the ledger. Each function reads within the transaction it is given."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, select

from forescale.model.decision import Decision, Direction
from forescale.model.effect import Action, Notice
from forescale.model.state import State
from forescale.store import schema
from forescale.store.fold import DecisionRun, expand_decisions, expand_events, split_id
from forescale.store.records import decision_run, event_run, outcome, value
from forescale.store.rows import Recorded, RecordedAction
from forescale.store.targets import find


def targets(connection: Connection) -> tuple[str, ...]:
    """The names of the targets that have a state, in order."""
    t = schema.target.c
    return tuple(connection.scalars(select(t.name).where(t.state.is_not(None)).order_by(t.name)))


def states(connection: Connection, name: str | None = None) -> dict[str, State]:
    """The newest state of every target, or of one."""
    t = schema.target.c
    query = select(t.name, t.state).where(t.state.is_not(None)).order_by(t.name)
    rows = connection.execute(query if name is None else query.where(t.name == name))
    return {row.name: value(row.state, State) for row in rows}


def decisions(
    connection: Connection,
    target: str | None,
    since: float | None,
    until: float | None,
    only_actions: bool,
    limit: int,
) -> tuple[DecisionRun, ...]:
    """The runs that reach into [since, until), the newest first."""
    d = schema.decision.c
    query = _between(_decisions(), schema.decision, target, None, until)
    if since is not None:
        query = query.where(d.last_time >= since)
    if only_actions:
        query = query.where(d.direction != Direction.HOLD.value)
    return tuple(_run(row) for row in connection.execute(query.limit(limit)))


def decision(connection: Connection, wanted: str) -> Decision | None:
    """The decision of this id, wherever in a run it is."""
    parts = split_id(wanted)
    number = find(connection, parts[0]) if parts else None
    if parts is None or number is None:
        return None
    d = schema.decision.c
    query = _decisions().where(d.target_id == number, d.n <= parts[1]).order_by(d.n.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return next((found for found in expand_decisions(_run(row)) if found.id == wanted), None)


def latest_decision(connection: Connection, target: str) -> Decision | None:
    """The newest decision of a target."""
    runs = decisions(connection, target, None, None, only_actions=False, limit=1)
    if not runs:
        return None
    *_, last = expand_decisions(runs[0])
    return last


def actions(
    connection: Connection, target: str | None, since: float | None, until: float | None, limit: int
) -> tuple[RecordedAction, ...]:
    """The actions journaled in [since, until), the newest first."""
    a = schema.action.c
    query = _between(select(a.body, a.outcome, a.outcome_time), schema.action, target, since, until)
    return tuple(_action(row) for row in connection.execute(query.limit(limit)))


def action(connection: Connection, wanted: str) -> RecordedAction | None:
    """The action of this id, which is its decision's."""
    parts = split_id(wanted)
    number = find(connection, parts[0]) if parts else None
    if parts is None or number is None:
        return None
    a = schema.action.c
    query = select(a.body, a.outcome, a.outcome_time).where(a.target_id == number, a.n == parts[1])
    row = connection.execute(query).one_or_none()
    return None if row is None else _action(row)


def notices(
    connection: Connection, target: str | None, since: float | None, until: float | None, limit: int
) -> tuple[Notice, ...]:
    """What people were told in [since, until), the newest first."""
    t, n = schema.target.c, schema.notice.c
    columns = select(t.name, n.time, n.kind, n.text).join(schema.target, t.id == n.target_id)
    query = _between(columns, schema.notice, target, since, until)
    rows = connection.execute(query.limit(limit))
    return tuple(Notice(row.name, row.time, row.kind, row.text) for row in rows)


def starts(connection: Connection, target: str, since: float | None) -> tuple[int, ...]:
    """Where the target's segments start, oldest first; those that end before `since` left out."""
    s = schema.segment.c
    number = find(connection, target)
    rows = connection.execute(select(s.start, s.time).where(s.target_id == number).order_by(s.start)).all()
    ends = [row.time for row in rows[1:]]  # a segment ends where the next one's past does
    first = 0 if since is None else next((i for i, end in enumerate(ends) if end >= since), len(ends))
    return tuple(row.start for row in rows[first:])


def segment(connection: Connection, target: str, start: int) -> Recorded | None:
    """The segment that starts there, in full; None where it has been pruned."""
    s, e, d = schema.segment.c, schema.event.c, schema.decision.c
    number = find(connection, target)
    here = select(s.settings, s.state).where(s.target_id == number, s.start == start)
    row = connection.execute(here).one_or_none()
    if row is None:
        return None
    later = select(s.start).where(s.target_id == number, s.start > start).order_by(s.start).limit(1)
    end = connection.scalar(later)
    events = select(e.body, e.ticks).where(e.target_id == number, _within(e.n, start, end)).order_by(e.n)
    runs = _decisions().where(d.target_id == number, _within(d.event, start, end)).order_by(d.n)
    return Recorded(
        target,
        row.settings,
        value(row.state, State),
        tuple(_events(connection, events)),
        tuple(_run(found) for found in connection.execute(runs)),
    )


def _events(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    for row in connection.execute(query):
        yield from expand_events(event_run(row.body, row.ticks))


def _within(number: Any, start: int, end: int | None) -> Any:
    return number >= start if end is None else and_(number >= start, number < end)


def _between(
    query: Select[Any], table: Table, target: str | None, since: float | None, until: float | None
) -> Select[Any]:
    """Narrow to a target and to [since, until), the newest first."""
    if target is not None:
        number = select(schema.target.c.id).where(schema.target.c.name == target).scalar_subquery()
        query = query.where(table.c.target_id == number)
    if since is not None:
        query = query.where(table.c.time >= since)
    if until is not None:
        query = query.where(table.c.time < until)
    # Within a target by number, for clocks jump; the number of rows of one target is bounded.
    number_of = list(table.primary_key.columns)[1:]
    newest = [column.desc() for column in number_of]
    return query.order_by(*newest) if target is not None else query.order_by(table.c.time.desc(), *newest)


def _decisions() -> Select[Any]:
    d = schema.decision.c
    return select(d.body, d.ticks, d.digest)


def _run(row: Any) -> DecisionRun:
    return decision_run(row.body, row.ticks, row.digest)


def _action(row: Any) -> RecordedAction:
    return RecordedAction(value(row.body, Action), outcome(row.outcome), row.outcome_time)
