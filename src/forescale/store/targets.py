"""The numbers that stand for targets in every table."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection, select

from forescale.model.errors import StoreError
from forescale.store import schema
from forescale.store.upsert import insert_new

T = TypeVar("T")
_CHUNK = 1000  # values in one IN (...): far below what any of the databases allows
_LONGEST = 255


def chunks(items: Sequence[T], size: int = _CHUNK) -> Iterator[Sequence[T]]:
    """The items in pieces that fit into one statement."""
    return (items[i : i + size] for i in range(0, len(items), size))


def find(connection: Connection, name: str) -> int | None:
    """The number of a target; None where the ledger does not know it."""
    return connection.scalar(select(schema.target.c.id).where(schema.target.c.name == name))


def find_all(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The numbers of those targets that the ledger knows."""
    t, found = schema.target.c, {}
    for some in chunks(sorted(set(names))):
        rows = connection.execute(select(t.name, t.id).where(t.name.in_(some)))
        found.update({row.name: row.id for row in rows})
    return found


def register(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The numbers of the targets, new ones where need be. Another process may do so as well.

    Raises `StoreError` for a name that cannot be one.
    """
    names = set(names)
    for name in names:
        _check(name)
    found = find_all(connection, names)
    if new := sorted(names - found.keys()):
        rows = [{"name": name, "events": 0, "event_id": "", "time": 0.0, "seq": 0} for name in new]
        connection.execute(insert_new(schema.target, connection.dialect.name), rows)
        found |= find_all(connection, new)
    return {name: found[name] for name in names}


def _check(name: str) -> None:
    # MySQL takes `web` and `web ` for the same; PostgreSQL knows no NUL.
    if not 0 < len(name) <= _LONGEST or "\0" in name or name != name.rstrip():
        hint = f"1 to {_LONGEST} characters, no space at the end"
        raise StoreError(f"{name[:50]!r} cannot be the name of a target", hint=hint)
