"""The one writer of a process: plans in memory, checks for rivals, writes in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select, update

from forescale.model.errors import StoreError
from forescale.model.journal import Entry
from forescale.model.state import State
from forescale.store import schema
from forescale.store.database import Database
from forescale.store.plan import Head, Plan, Version, command_id
from forescale.store.records import decision_run, event_run
from forescale.store.targets import chunks, register
from forescale.store.upsert import upsert

# An action that is journaled a second time keeps what was heard of it.
_KEEP = {schema.action: ("outcome", "outcome_time")}


class Conflict(StoreError):
    """These targets are not where the entries start from. Nothing was written.

    `Ledger.reload` each of `targets`, and go on from its state.
    """

    def __init__(self, targets: Sequence[str], detail: str = "") -> None:
        names = ", ".join(targets[:5]) + (", ..." if len(targets) > 5 else "")
        super().__init__(
            f"the ledger of {names} has moved on since its state was read" + (detail and f": {detail}"),
            hint="does another forescale write to it? One `forescale run` owns a target",
        )
        self.targets = tuple(targets)


class Writer:
    """Commits entries and starts segments. What is in memory changes only after the database has."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._lock = Lock()
        self._heads: dict[str, Head] = {}
        # Commits that failed: the server may have carried them out before the line went dead.
        self._doubts: dict[str, tuple[Head, list[Entry]]] = {}
        # The entries of those that it had carried out, until they are repeated.
        self._written: dict[str, list[Entry]] = {}

    def commit(self, entries: Sequence[Entry]) -> None:
        """Write the entries, all or none."""
        with self._lock:
            self._load({entry.target for entry in entries})
            self._settle()
            plan = Plan(self._heads)
            for entry in self._unwritten(entries):
                plan.add(entry)
            self._write(plan)
            for entry in entries:
                self._written.pop(entry.target, None)

    def snapshot(self, target: str, settings: str, state: State) -> None:
        """Start a segment of the target."""
        with self._lock:
            self._load({target})
            self._settle()
            if target in self._written:
                raise Conflict((target,))
            plan = Plan(self._heads)
            plan.add_segment(target, settings, state)
            self._write(plan)

    def remember(self, targets: Iterable[str] | None) -> None:
        """Whoever is about to read these targets' state for the first time builds on what is there.

        To be called before the state is read: a write in between is then found out.
        """
        with self._lock:
            if targets is None or not self._heads.keys() >= set(targets):
                with self._db.read() as connection:
                    self._heads = _read_heads(connection, targets) | self._heads

    def forget(self, targets: Iterable[str]) -> None:
        """Build on whatever is there when these targets are read or written next."""
        with self._lock:
            for name in targets:
                self._heads.pop(name, None)
                self._doubts.pop(name, None)
                self._written.pop(name, None)

    def _load(self, targets: Iterable[str]) -> None:
        new = set(targets) - self._heads.keys()
        if new:
            self._db.transact(lambda connection: register(connection, new), durable=False)
            with self._db.read() as connection:
                self._heads |= _read_heads(connection, new)

    def _settle(self) -> None:
        """Find out what became of commits in doubt."""
        if not self._doubts:
            return
        with self._db.write(durable=False) as connection:
            found = _versions(connection, [head.target_id for head, _ in self._doubts.values()])
        for name, (head, entries) in self._doubts.items():
            if found.get(head.target_id) == head.version:
                self._heads[name] = head
                self._written.setdefault(name, []).extend(entries)
        self._doubts = {}

    def _unwritten(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """The entries without those that a commit in doubt had written.

        Whoever goes on with other entries instead started from a state that is no longer the last.
        """
        if not self._written:
            return entries
        given: dict[str, list[Entry]] = {}
        for entry in entries:
            given.setdefault(entry.target, []).append(entry)
        changed = [name for name, own in given.items() if not _repeats(own, self._written.get(name, []))]
        if changed:
            raise Conflict(changed)
        return [e for name, own in given.items() for e in own[len(self._written.get(name, [])) :]]

    def _write(self, plan: Plan) -> None:
        if not plan.heads:
            return
        try:
            self._db.transact(lambda connection: self._carry_out(connection, plan), durable=plan.durable)
        except Conflict:
            raise
        except BaseException:  # whatever stops it, even a Ctrl-C: it may have been written
            self._doubts = {name: (head, plan.entries.get(name, [])) for name, head in plan.heads.items()}
            raise
        self._heads |= plan.heads

    def _carry_out(self, connection: Connection, plan: Plan) -> None:
        self._check(connection, plan)
        _execute(connection, plan)

    def _check(self, connection: Connection, plan: Plan) -> None:
        """Refuse where a target is not as this process left it. Also locks the targets' rows."""
        before = {name: self._heads[name] for name in plan.heads}
        found = _versions(connection, [head.target_id for head in before.values()])
        changed = [name for name, head in before.items() if found.get(head.target_id) != head.version]
        if changed:
            raise Conflict(changed)


def _repeats(entries: Sequence[Entry], written: Sequence[Entry]) -> bool:
    return list(entries[: len(written)]) == list(written)


def _versions(connection: Connection, ids: Sequence[int]) -> Mapping[int, Version]:
    """The targets' versions, their rows locked in order so that two writers cannot embrace."""
    t, found = schema.target.c, {}
    columns = select(t.id, t.events, t.event_id, t.event_row, t.decision_row)
    for some in chunks(sorted(ids)):
        rows = connection.execute(columns.where(t.id.in_(some)).order_by(t.id).with_for_update())
        found.update({row[0]: Version(*row[1:]) for row in rows})
    return found


def _execute(connection: Connection, plan: Plan) -> None:
    dialect = connection.dialect.name
    for table, rows in plan.rows.items():
        connection.execute(upsert(table, dialect, _KEEP.get(table, ())), list(rows.values()))
    if plan.outcomes:
        connection.execute(_REPORT, plan.outcomes)
    for name, row in plan.commands:
        if connection.execute(_TAKE, row).rowcount != 1:
            raise Conflict((name,), f"{command_id(row['of_id'])} was carried out already")
    connection.execute(upsert(schema.target, dialect), list(plan.targets()))


_REPORT = update(schema.action).where(
    schema.action.c.target_id == bindparam("of_target"), schema.action.c.n == bindparam("of_n")
)
_TAKE = update(schema.command).where(
    schema.command.c.id == bindparam("of_id"),
    schema.command.c.target_id == bindparam("of_target"),
    schema.command.c.taken.is_(None),
)


def _read_heads(connection: Connection, names: Iterable[str] | None) -> dict[str, Head]:
    """The heads of those targets that the ledger knows, all where none are named, with their open runs."""
    t, e, d = schema.target.c, schema.event.c, schema.decision.c
    joined = schema.target.outerjoin(schema.event, and_(e.target_id == t.id, e.n == t.event_row)).outerjoin(
        schema.decision, and_(d.target_id == t.id, d.n == t.decision_row)
    )
    columns = select(
        *(t.id, t.name, t.events, t.event_id, t.time, t.event_row, t.decision_row),
        *(e.body.label("event_body"), e.ticks.label("event_ticks")),
        *(d.event, d.body, d.ticks, d.digest),
    ).select_from(joined)
    if names is None:
        return {row.name: _head(row) for row in connection.execute(columns)}
    pieces = (connection.execute(columns.where(t.name.in_(some))) for some in chunks(sorted(set(names))))
    return {row.name: _head(row) for rows in pieces for row in rows}


def _head(row: Any) -> Head:
    return Head(
        target_id=row.id,
        name=row.name,
        events=row.events,
        event_id=row.event_id,
        time=row.time,
        event_row=row.event_row,
        event_run=None if row.event_body is None else event_run(row.event_body, row.event_ticks),
        decision_row=row.decision_row,
        decision_event=row.event or 0,
        decision_run=None if row.body is None else decision_run(row.body, row.ticks, row.digest),
    )
