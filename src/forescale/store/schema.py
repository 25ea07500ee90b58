"""The tables. Whoever changes them adds a migration; a test compares the two.

Rows are keyed by target and a number of that target, never by a number shared by all, so
that the writer knows every key without asking the database. There are no foreign keys:
targets are never deleted, and checking one for every row costs more than it would find.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Double, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects.mysql import LONGTEXT

REVISION = "0001"
"""The migration that makes exactly these tables."""

VERSION_TABLE = "ledger_version"

metadata = MetaData()

# SQLite numbers rows by itself only where the type is INTEGER (which has 64 bits there).
Id = BigInteger().with_variant(Integer, "sqlite")
# MySQL's TEXT ends at 64 KiB, which the state of a target with many signals can pass.
Body = Text().with_variant(LONGTEXT, "mysql")


def _table(name: str, *parts: Any, **options: Any) -> Table:
    return Table(
        name,
        metadata,
        *parts,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",  # `Web` and `web` are two targets
        **options,
    )


# One row per target, rewritten by every commit: the state, and where its last rows are.
target = _table(
    "ledger_target",
    Column("id", Id, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("events", BigInteger, nullable=False),  # how many events there have been
    Column("event_id", Body, nullable=False),  # the id of the last of them
    Column("time", Double, nullable=False),  # its time
    Column("event_row", BigInteger),  # n of the event row that may still grow
    Column("decision_row", BigInteger),  # n of the decision row that may still grow
    Column("seq", BigInteger, nullable=False),  # State.seq, for people who look in here
    Column("state", Body),
)

event = _table(
    "ledger_event",
    Column("target_id", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),  # of its first event
    Column("count", Integer, nullable=False),
    Column("time", Double, nullable=False),
    Column("last_time", Double, nullable=False),
    Column("body", Body, nullable=False),
    Column("ticks", Body, nullable=False),
)

decision = _table(
    "ledger_decision",
    Column("target_id", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),  # as in `<target>-<n>`
    Column("event", BigInteger, nullable=False),  # n of the event that the first one answers
    Column("count", Integer, nullable=False),
    Column("time", Double, nullable=False),
    Column("last_time", Double, nullable=False),
    Column("direction", String(8), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", Body, nullable=False),
    Column("ticks", Body, nullable=False),
    Index("ledger_decision_time", "time"),
)

action = _table(
    "ledger_action",
    Column("target_id", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),  # of its decision
    Column("event", BigInteger, nullable=False),
    Column("time", Double, nullable=False),
    Column("body", Body, nullable=False),
    Column("outcome_time", Double),
    Column("outcome", Body),
    Index("ledger_action_time", "time"),
)

notice = _table(
    "ledger_notice",
    Column("target_id", BigInteger, primary_key=True, autoincrement=False),
    Column("event", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("time", Double, nullable=False),
    Column("kind", String(255), nullable=False),
    Column("text", Body, nullable=False),
    Index("ledger_notice_time", "time"),
)

segment = _table(
    "ledger_segment",
    Column("target_id", BigInteger, primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True, autoincrement=False),  # n of its first event
    Column("time", Double, nullable=False),  # of the last event before it
    Column("settings", Body, nullable=False),
    Column("state", Body, nullable=False),
)

command = _table(
    "ledger_command",
    Column("id", Id, primary_key=True),
    Column("target_id", BigInteger, nullable=False),
    Column("time", Double, nullable=False),
    Column("body", Body, nullable=False),
    Column("taken", BigInteger),  # n of its Commanded event
    Column("taken_time", Double),
    sqlite_autoincrement=True,  # an id is never used twice, not even after a prune
)

lease = _table(
    "ledger_lease",
    Column("target_id", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", String(255), nullable=False),
    Column("expires", Double, nullable=False),
)
