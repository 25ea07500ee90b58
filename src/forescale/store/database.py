"""Connections: how each kind of database is opened, and what a transaction is there."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

from forescale.model.errors import StoreError
from forescale.store.faults import Deadlock, explain, faults
from forescale.store.location import File, Server

T = TypeVar("T")
_CONNECT = 10  # seconds to wait for a server to take a connection
_ANSWER = 30  # seconds to wait for a server's answer, before its connection counts as lost
_ATTEMPTS = 6
_EXTRAS = {"mysql": "mysql", "postgresql": "postgres"}  # dialect -> the extra with its driver


class Database:
    """An engine, and the two kinds of transaction. Every error comes out as a `StoreError`."""

    def __init__(self, place: File | Server, *, create: bool, read_only: bool) -> None:
        self.place = place
        self.read_only = read_only
        if isinstance(place, File):
            self.engine = _sqlite(place, create=create, read_only=read_only)
        else:
            self.engine = _server(place, read_only=read_only)

    @property
    def dialect(self) -> str:
        """`sqlite`, `mysql` (MariaDB as well) or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the ledger, and blocks no writer."""
        with faults(self.place), self._connect(reading=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction that writes all or nothing. `durable`: it survives a loss of power.

        One that is not survives the end of the process, whatever ends it, and is made
        durable by the next one that is.
        """
        if self.read_only:
            raise StoreError(f"ledger {self.place.label} was opened read-only")
        with (
            faults(self.place),
            self._connect(reading=False, durable=durable) as connection,
            connection.begin(),
        ):
            yield connection

    def transact(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Do the work in a write transaction; again where the server sacrificed it to end a deadlock."""
        for attempt in range(_ATTEMPTS):
            try:
                with self.write(durable=durable) as connection:
                    return work(connection)
            except Deadlock:
                if attempt + 1 == _ATTEMPTS:
                    raise
                time.sleep(0.01 * (attempt + 1))
        raise AssertionError

    def close(self) -> None:
        """Close every connection. SQLite then folds its write-ahead log into the file."""
        self.engine.dispose()

    def _connect(self, **options: bool) -> Connection:
        try:
            connection = self.engine.connect()
        except TypeError as error:  # an option in the URL that the driver does not know
            raise explain(error, self.place) from None
        if options["reading"] and self.dialect != "sqlite":  # where every transaction is a snapshot
            return connection.execution_options(isolation_level="REPEATABLE READ", **options)
        return connection.execution_options(**options)


def _sqlite(place: File, *, create: bool, read_only: bool) -> Engine:
    mode = "ro" if read_only else "rwc" if create else "rw"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            place.uri(mode) + ("&immutable=1" if read_only and _cannot_share(place.path) else ""),
            uri=True,
            timeout=place.busy,
            isolation_level=None,  # transactions begin where `_begin` says so, not where Python guesses
            check_same_thread=False,  # the pool lends a connection to one thread at a time
        )

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, hide_parameters=True)
    event.listen(engine, "connect", _tune)
    event.listen(engine, "begin", _begin)
    return engine


def _cannot_share(path: Path) -> bool:
    """Nobody has the file open, and this process may not create what readers and writers share.

    SQLite then reads it only if told that it will not change; anybody who did change it
    would create these files first.
    """
    log = path.with_name(path.name + "-wal")
    return not log.exists() and not os.access(path.absolute().parent, os.W_OK)


def _tune(connection: Any, _record: object) -> None:
    """Per connection: 16 MB of cache hold the busy pages of 1,000 targets.

    Those pages are rewritten every few seconds, so moving them from the log to the file
    is put off until 16 MB of log have come together; a burst does not keep the log large.
    """
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA wal_autocheckpoint = 4096")
    connection.execute("PRAGMA journal_size_limit = 67108864")


def _begin(connection: Connection) -> None:
    """Begin a transaction. A writer takes the lock at once: one that read first could not wait for it.

    How hard it is written depends on what it says. An action, an outcome or a command must
    not be forgotten when power fails, or it might be done twice: FULL, an fsync. What was
    merely observed costs at most one evaluation: NORMAL, which leaves the fsync to the
    next checkpoint or the next FULL. Neither can corrupt the file (in WAL mode), and a
    killed process loses nothing with either.
    """
    options = connection.get_execution_options()
    if options.get("reading", True):
        connection.exec_driver_sql("BEGIN")
        return
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if options.get('durable') else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _server(place: Server, *, read_only: bool) -> Engine:
    dialect = place.url.get_backend_name()
    try:
        engine = create_engine(
            place.url.update_query_dict({"charset": "utf8mb4"}) if dialect == "mysql" else place.url,
            connect_args=_MYSQL if dialect == "mysql" else _postgres_arguments(read_only),
            # A writer that has waited for a lock must see what the other one wrote.
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,  # after the server was away, the first call finds a new connection
            pool_recycle=3600,  # MySQL closes what was idle for 8 hours, middle boxes sooner
            hide_parameters=True,
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            f"ledger {place.label} needs the Python package {error.name}",
            hint=f"pip install 'forescale[{_EXTRAS[dialect]}]'",
        ) from None
    if dialect == "mysql" and read_only:
        event.listen(engine, "connect", _forbid_writing)
    return engine


_MYSQL = {
    "connect_timeout": _CONNECT,
    "read_timeout": _ANSWER,
    "write_timeout": _ANSWER,
    # A text that does not fit is an error, never cut.
    "init_command": "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
}


def _forbid_writing(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:  # the variable behind it has two names; this has one
        cursor.execute("SET SESSION TRANSACTION READ ONLY")


def _postgres_arguments(read_only: bool) -> dict[str, Any]:
    options = f"-c statement_timeout={_ANSWER}s -c lock_timeout={_ANSWER // 2}s"
    if read_only:
        options += " -c default_transaction_read_only=on"
    return {
        "connect_timeout": _CONNECT,
        "tcp_user_timeout": _ANSWER * 1000,
        "client_encoding": "utf8",
        "options": options,
    }
