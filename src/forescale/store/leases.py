"""Who may act on a target: one holder at a time, until its lease runs out."""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select

from forescale.store import schema
from forescale.store.rows import Lease
from forescale.store.targets import chunks, find_all, register
from forescale.store.upsert import insert_new, upsert


def acquire(
    connection: Connection, targets: Iterable[str], holder: str, now: float, until: float
) -> tuple[frozenset[str], frozenset[str]]:
    """Take or renew the leases that are free, run out or the holder's own.

    Returns those now held, and which of them were not held just before.
    """
    numbers = register(connection, targets)
    lease, dialect = schema.lease, connection.dialect.name
    # First make sure that every row is there, so that all of them can be locked.
    free = [{"target_id": n, "holder": "", "expires": 0.0} for n in sorted(numbers.values())]
    for some in chunks(free):
        connection.execute(insert_new(lease, dialect), list(some))
    found = {}
    for ids in chunks(sorted(numbers.values())):
        query = select(lease).where(lease.c.target_id.in_(ids)).order_by(lease.c.target_id)
        found.update({row.target_id: row for row in connection.execute(query.with_for_update())})
    mine = {name: n for name, n in numbers.items() if found[n].holder == holder or found[n].expires <= now}
    if mine:
        rows = [{"target_id": n, "holder": holder, "expires": until} for n in sorted(mine.values())]
        connection.execute(upsert(lease, dialect), rows)
    fresh = frozenset(
        name for name, n in mine.items() if found[n].holder != holder or found[n].expires <= now
    )
    return frozenset(mine), fresh


def release(connection: Connection, holder: str, targets: Iterable[str] | None) -> None:
    """Give up the holder's leases: all of them, or those on some targets."""
    query = delete(schema.lease).where(schema.lease.c.holder == holder)
    if targets is None:
        connection.execute(query)
        return
    for ids in chunks(sorted(find_all(connection, targets).values())):
        connection.execute(query.where(schema.lease.c.target_id.in_(ids)))


def leases(connection: Connection) -> tuple[Lease, ...]:
    """Every lease, run out or not, by target."""
    c, t = schema.lease.c, schema.target.c
    query = select(t.name, c.holder, c.expires).join(schema.target, t.id == c.target_id).order_by(t.name)
    rows = connection.execute(query.where(c.holder != ""))
    return tuple(Lease(row.name, row.holder, row.expires) for row in rows)
