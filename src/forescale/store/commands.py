"""Orders given by hand, on their way to the process that runs the target."""

from typing import Any

from sqlalchemy import Connection, select

from forescale.model.event import Command
from forescale.model.value import encode
from forescale.store import schema
from forescale.store.plan import command_id
from forescale.store.records import value
from forescale.store.targets import register


def post(connection: Connection, target: str, command: Command, now: float) -> str:
    """Leave a command for a target; the id of the event it will become."""
    number = register(connection, {target})[target]
    row = {"target_id": number, "time": now, "body": encode(command).decode()}
    key = connection.execute(schema.command.insert().values(row)).inserted_primary_key
    return command_id(key[0]) if key else ""


def orders(connection: Connection) -> dict[str, dict[str, Command]]:
    """The commands that no commit has taken yet: by target, by id, oldest first."""
    c, t = schema.command.c, schema.target.c
    query = select(c.id, t.name, c.body).join(schema.target, t.id == c.target_id)
    kind: Any = Command
    waiting: dict[str, dict[str, Command]] = {}
    for row in connection.execute(query.where(c.taken.is_(None)).order_by(c.id)):
        waiting.setdefault(row.name, {})[command_id(row.id)] = value(row.body, kind)
    return waiting
