"""The first tables.

`IF NOT EXISTS`, because MySQL commits every CREATE by itself: a process killed between two
of them must find its way on.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGTEXT

revision = "0001"
down_revision = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_Body = sa.Text().with_variant(LONGTEXT, "mysql")


def _key(name: str, kind: Any = sa.BigInteger) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _create(name: str, *parts: Any, **options: Any) -> None:
    op.create_table(
        name,
        *parts,
        if_not_exists=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        **options,
    )


def _index(table: str) -> None:
    """Index the table by time. MySQL knows no CREATE INDEX IF NOT EXISTS."""
    name = f"{table}_time"
    if all(index["name"] != name for index in sa.inspect(op.get_bind()).get_indexes(table)):
        op.create_index(name, table, ["time"])


def upgrade() -> None:
    """Create everything."""
    _targets()
    _events()
    _consequences()
    _create(
        "ledger_segment",
        _key("target_id"),
        _key("start"),
        _need("time", sa.Double),
        _need("settings", _Body),
        _need("state", _Body),
    )


def _targets() -> None:
    _create(
        "ledger_target",
        sa.Column("id", _Id, primary_key=True),
        _need("name", sa.String(255)),
        _need("events", sa.BigInteger),
        _need("event_id", _Body),
        _need("time", sa.Double),
        sa.Column("event_row", sa.BigInteger),
        sa.Column("decision_row", sa.BigInteger),
        _need("seq", sa.BigInteger),
        sa.Column("state", _Body),
        sa.UniqueConstraint("name"),
    )
    _create(
        "ledger_command",
        sa.Column("id", _Id, primary_key=True),
        _need("target_id", sa.BigInteger),
        _need("time", sa.Double),
        _need("body", _Body),
        sa.Column("taken", sa.BigInteger),
        sa.Column("taken_time", sa.Double),
        sqlite_autoincrement=True,
    )
    _create("ledger_lease", _key("target_id"), _need("holder", sa.String(255)), _need("expires", sa.Double))


def _events() -> None:
    _create(
        "ledger_event",
        _key("target_id"),
        _key("n"),
        _need("count", sa.Integer),
        _need("time", sa.Double),
        _need("last_time", sa.Double),
        _need("body", _Body),
        _need("ticks", _Body),
    )
    _create(
        "ledger_decision",
        _key("target_id"),
        _key("n"),
        _need("event", sa.BigInteger),
        _need("count", sa.Integer),
        _need("time", sa.Double),
        _need("last_time", sa.Double),
        _need("direction", sa.String(8)),
        _need("digest", sa.String(64)),
        _need("body", _Body),
        _need("ticks", _Body),
    )
    _index("ledger_decision")


def _consequences() -> None:
    _create(
        "ledger_action",
        _key("target_id"),
        _key("n"),
        _need("event", sa.BigInteger),
        _need("time", sa.Double),
        _need("body", _Body),
        sa.Column("outcome_time", sa.Double),
        sa.Column("outcome", _Body),
    )
    _index("ledger_action")
    _create(
        "ledger_notice",
        _key("target_id"),
        _key("event"),
        _key("position", sa.Integer),
        _need("time", sa.Double),
        _need("kind", sa.String(255)),
        _need("text", _Body),
    )
    _index("ledger_notice")
