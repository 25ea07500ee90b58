"""Forgetting what is old: whole segments, so that what remains can still be replayed."""

from contextlib import closing
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select

from forescale.store import schema
from forescale.store.database import Database
from forescale.store.faults import faults
from forescale.store.rows import Pruned

_PAGES = 2000  # given back to the file system in one go: 8 MB, a few milliseconds


def prune(database: Database, before: float) -> Pruned:
    """Remove the segments that end before a time, and all that belongs to them.

    One short transaction per target, so that the writer is never held up for long.
    """
    with database.read() as connection:
        ids = connection.scalars(select(schema.target.c.id).order_by(schema.target.c.id)).all()
    total = Pruned()
    for number in ids:
        work = partial(_target, number=number, before=before)
        total = _add(total, database.transact(work, durable=False))
    commands = database.transact(partial(_commands, before=before), durable=False)
    total = _add(total, Pruned(commands=commands))
    if database.dialect == "sqlite":
        _shrink(database)
    return total


def _target(connection: Connection, number: int, before: float) -> Pruned:
    start = _kept(connection, number, before)
    if start is None:
        return Pruned()
    e, d = schema.event, schema.decision
    # Keys grow with time: the first decision that is kept, found from the old end, bounds the rest.
    first = select(d.c.n).where(d.c.target_id == number, d.c.event >= start).order_by(d.c.n).limit(1)
    kept = connection.scalar(first)
    older = d.c.event < start if kept is None else d.c.n < kept
    events, decisions = _sum(connection, e, number, e.c.n < start), _sum(connection, d, number, older)
    return Pruned(
        segments=_delete(connection, schema.segment, number, schema.segment.c.start < start),
        events=events if _delete(connection, e, number, e.c.n < start) else 0,
        decisions=decisions if _delete(connection, d, number, older) else 0,
        actions=_delete(connection, schema.action, number, schema.action.c.event < start),
        notices=_delete(connection, schema.notice, number, schema.notice.c.event < start),
    )


def _kept(connection: Connection, number: int, before: float) -> int | None:
    """Where the oldest segment starts that is kept; None where nothing is to go.

    A segment's `time` is that of the last event before it, so the newest segment with a
    time before `before` is the oldest that reaches beyond it.
    """
    s = schema.segment.c
    query = select(s.start).where(s.target_id == number)
    kept = connection.scalar(query.where(s.time < before).order_by(s.start.desc()).limit(1))
    oldest = connection.scalar(query.order_by(s.start).limit(1))
    return kept if kept is not None and oldest is not None and oldest < kept else None


def _sum(connection: Connection, table: Table, number: int, older: Any) -> int:
    query = select(func.sum(table.c.count)).where(table.c.target_id == number, older)
    return int(connection.scalar(query) or 0)


def _delete(connection: Connection, table: Table, number: int, older: Any) -> int:
    return connection.execute(delete(table).where(table.c.target_id == number, older)).rowcount


def _commands(connection: Connection, before: float) -> int:
    """Remove commands carried out before a time; those that wait are kept, however old."""
    return connection.execute(delete(schema.command).where(schema.command.c.taken_time < before)).rowcount


def _add(a: Pruned, b: Pruned) -> Pruned:
    return Pruned(*(getattr(a, name) + getattr(b, name) for name in Pruned.__struct_fields__))


def _shrink(database: Database) -> None:
    """Give free pages back to the file system, in pieces: the writer gets its turn in between."""
    with faults(database.place), closing(database.engine.raw_connection()) as connection:
        sqlite: Any = connection.driver_connection
        while free := sqlite.execute("PRAGMA freelist_count").fetchone()[0]:
            # A script, because Python takes the first page's row, which has no columns, for the end.
            sqlite.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
            if sqlite.execute("PRAGMA freelist_count").fetchone()[0] >= free:
                return  # a file that cannot shrink, for this forescale did not make it
