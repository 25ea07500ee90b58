"""Who may act on a target: one holder at a time, until its lease runs out."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select

from forescale.model.errors import StoreError
from forescale.store import schema
from forescale.store.rows import Lease
from forescale.store.targets import chunks, find_all, register
from forescale.store.upsert import insert_new, upsert


class Held(StoreError):
    """Another process owns targets. `leases` says which, and until when."""

    def __init__(self, leases: Sequence[Lease]) -> None:
        first = leases[0]
        others = f" and {len(leases) - 1} more" if len(leases) > 1 else ""
        until = datetime.fromtimestamp(first.expires, UTC).strftime("%H:%M:%S UTC")
        super().__init__(
            f"{first.target}{others} belongs to another forescale ({first.holder}) until {until}",
            hint="stop that one; if it has crashed, its ownership ends by itself at that time",
        )
        self.leases = tuple(leases)


def hold(connection: Connection, targets: Iterable[str], holder: str, now: float, until: float) -> None:
    """Take or renew leases that are free, run out or the holder's own; raise `Held` otherwise."""
    numbers = register(connection, targets)
    lease, dialect = schema.lease, connection.dialect.name
    # First make sure that every row is there, so that all of them can be locked.
    free = [{"target_id": n, "holder": "", "expires": 0.0} for n in sorted(numbers.values())]
    if not free:  # no targets
        return
    connection.execute(insert_new(lease, dialect), free)
    found = {}
    for ids in chunks(sorted(numbers.values())):
        query = select(lease).where(lease.c.target_id.in_(ids)).order_by(lease.c.target_id)
        found.update({row.target_id: row for row in connection.execute(query.with_for_update())})
    others = [
        Lease(name, found[n].holder, found[n].expires)
        for name, n in sorted(numbers.items())
        if found[n].holder != holder and found[n].expires > now
    ]
    if others:
        raise Held(others)
    connection.execute(upsert(lease, dialect), [row | {"holder": holder, "expires": until} for row in free])


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
