"""Orders given by hand, on their way to the process that runs the target."""

from typing import Any

from sqlalchemy import Connection, select

from forescale.model.event import Command
from forescale.model.value import encode
from forescale.store import schema
from forescale.store.plan import command_id
from forescale.store.records import value
from forescale.store.rows import Posted
from forescale.store.targets import register


def post(connection: Connection, target: str, command: Command, now: float) -> str:
    """Leave a command for a target; the id of the event it will become."""
    number = register(connection, {target})[target]
    row = {"target_id": number, "time": now, "body": encode(command).decode()}
    key = connection.execute(schema.command.insert().values(row)).inserted_primary_key
    return command_id(key[0]) if key else ""


def pending(connection: Connection, target: str | None) -> tuple[Posted, ...]:
    """The commands that no commit has taken yet, oldest first."""
    c, t = schema.command.c, schema.target.c
    query = select(c.id, t.name, c.time, c.body).join(schema.target, t.id == c.target_id)
    query = query.where(c.taken.is_(None)).order_by(c.id)
    if target is not None:
        query = query.where(t.name == target)
    kind: Any = Command
    rows = connection.execute(query)
    return tuple(Posted(command_id(row.id), row.name, row.time, value(row.body, kind)) for row in rows)
