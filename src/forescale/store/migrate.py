"""Bring a ledger's tables to this version's, at open, whoever else opens it at the same time."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, column, inspect, select, table, text

from forescale.model.errors import StoreError
from forescale.store.database import Database
from forescale.store.faults import faults
from forescale.store.location import File
from forescale.store.schema import REVISION, VERSION_TABLE

_LOCK = 7_022_366_410  # any number will do, as long as every forescale uses the same
_PATIENCE = 20  # seconds to wait for another process's migration; below the drivers' own limit

# Alembic hands its context around in global variables.
_one_at_a_time = Lock()


def prepare(database: Database, *, create: bool) -> None:
    """Make sure that the tables are there and of this version; create or migrate them if allowed.

    Raises `StoreError` where a newer forescale wrote them, or where there is no ledger.
    """
    revision = _revision(database)
    if revision == REVISION:
        return
    label = database.place.label
    if revision is None and (database.read_only or not create):
        hint = "is the path or URL right? `forescale run` creates it where it should be"
        raise StoreError(f"there is no ledger in {label}", hint=hint)
    if revision is not None and revision not in _known():
        raise StoreError(
            f"ledger {label} was written by a newer forescale (its tables are at {revision}, "
            f"this version knows up to {REVISION})",
            hint="upgrade forescale here, or give this version a ledger of its own",
        )
    if database.read_only:
        raise StoreError(
            f"ledger {label} is of an older forescale (its tables are at {revision}, not {REVISION})",
            hint="`forescale run` or `forescale once` migrates it",
        )
    with _one_at_a_time, faults(database.place):
        _migrate(database)


def _migrate(database: Database) -> None:
    if database.dialect == "sqlite":
        _format(database)
    with database.write() as connection, _lock(connection):
        if _read_revision(connection, database.place.label) != REVISION:  # else another was faster
            _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = _config(Config())
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _known() -> set[str]:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config(Config()))
    return {script.revision for script in scripts.walk_revisions()}


def _config(config: Any) -> Any:
    here = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", here.replace("%", "%%"))  # it is interpolated
    return config


def _revision(database: Database) -> str | None:
    """The revision of the tables; None where there are none yet."""
    place = database.place
    if isinstance(place, File) and not place.path.exists():
        return None
    with database.read() as connection:
        return _read_revision(connection, place.label)


def _read_revision(connection: Connection, label: str) -> str | None:
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        return connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar()
    if tables and connection.dialect.name == "sqlite":
        # On a server others may share the database; a file with other tables is a mistake.
        raise StoreError(f"{label} is a SQLite database, but not a ledger", hint="is the path right?")
    return None


def _format(database: Database) -> None:
    """Make a new SQLite file one that can shrink, and whose readers never block its writer.

    Both settings stay with the file. `auto_vacuum` counts only before the first table. Two
    processes that change the journal at once do not wait for each other: one is refused.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        connection = database.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
        else:
            return
        finally:
            connection.close()
        time.sleep(0.02)


@contextmanager
def _lock(connection: Connection) -> Iterator[None]:
    """Keep other processes from migrating. SQLite's write transaction does that by itself."""
    dialect = connection.dialect.name
    if dialect == "postgresql":  # lets go with the transaction
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    if dialect != "mysql":
        yield
        return
    # CREATE commits in MySQL, so the lock is one that outlives transactions.
    name = {"name": f"forescale:{_LOCK}", "wait": _PATIENCE}
    got = connection.execute(text("SELECT GET_LOCK(CONCAT(:name, MD5(DATABASE())), :wait)"), name).scalar()
    if got != 1:
        raise StoreError("another process is migrating this ledger", hint="try again when it is done")
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(CONCAT(:name, MD5(DATABASE())))"), name)
