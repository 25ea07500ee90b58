"""What goes wrong with databases, said so that a person can act on it."""

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from forescale.model.errors import StoreError
from forescale.store.location import File, Server

Advice = tuple[str, str]  # what is wrong, what would help

_FULL = ("the disk is full", "free some space; nothing was written by half, and writing goes on then")
_LOCKED = (
    "another process holds its lock",
    "look for a second forescale, a backup or an open database shell; then try again",
)
_AWAY = (
    "the server does not answer",
    "is it running, and can this machine reach it? The next call tries again",
)
_LOGIN = ("the server refuses user or password", "check both in the URL")
_DATABASE = ("there is no such database", "create it first, with UTF-8 as its character set")
_GRANTS = (
    "the user lacks permissions",
    "it needs to create, alter, read and write tables in this database",
)
_READ_ONLY = ("it cannot be written to", "check its permissions and those of its directory")
_SERVER_READ_ONLY = ("the server is read-only", "is this a replica, or a primary that was just demoted?")
_BUSY = ("it is locked by another writer", "try again")
_CONFUSED = ("the database reports an error", "")

# The start of SQLite's error names, the longer before the shorter.
_SQLITE: dict[str, Advice] = {
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_PERM": _READ_ONLY,
    "SQLITE_AUTH": _READ_ONLY,
    "SQLITE_CANTOPEN": (
        "it cannot be opened",
        "check that its directory exists, and the permissions of both",
    ),
    "SQLITE_NOTADB": ("it is not a SQLite database", "is the path right? Else restore it from a backup"),
    "SQLITE_CORRUPT": (
        "it is corrupt",
        "restore it from a backup, or move it away to start with an empty ledger",
    ),
    "SQLITE_FULL": _FULL,
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_IOERR": (
        "reading or writing the file failed",
        "is the disk full or failing, or the file too large?",
    ),
}

_MYSQL: dict[int, Advice] = {
    1021: _FULL,
    1040: ("the server takes no more connections", "raise max_connections"),
    1044: _GRANTS,
    1045: _LOGIN,
    1049: _DATABASE,
    1114: _FULL,
    1142: _GRANTS,
    1153: ("a row is too large for the server", "raise max_allowed_packet"),
    1205: _BUSY,
    1213: _BUSY,
    1290: _SERVER_READ_ONLY,
    1698: _LOGIN,
    1792: ("it was opened read-only", ""),
    1836: _SERVER_READ_ONLY,
    2002: _AWAY,
    2003: _AWAY,
    2006: ("the connection was lost", "the next call connects again"),
    2013: ("the connection was lost", "the next call connects again"),
}

# SQLSTATE, or its class.
_POSTGRES: dict[str, Advice] = {
    "08": ("the connection was lost", "the next call connects again"),
    "25006": ("it cannot be written to", "was it opened read-only, or is this server a replica?"),
    "28": _LOGIN,
    "3D": _DATABASE,
    "40": _BUSY,
    "42501": _GRANTS,
    "53100": _FULL,
    "53300": ("the server takes no more connections", "raise max_connections"),
    "55P03": _BUSY,
    "57P": ("the server is stopping or starting", "the next call connects again"),
}
# psycopg has no SQLSTATE where the connection never came to be.
_POSTGRES_TEXTS: tuple[tuple[str, Advice], ...] = (
    ("password authentication failed", _LOGIN),
    ("no password supplied", _LOGIN),
    ("no pg_hba.conf entry", _LOGIN),
    ("does not exist", _DATABASE),
    ("starting up", _POSTGRES["57P"]),
    ("shutting down", _POSTGRES["57P"]),
    ("server closed the connection", _POSTGRES["08"]),
    ("connection", _AWAY),
    ("could not translate host name", _AWAY),
    ("failed to resolve host", _AWAY),
)


class Deadlock(StoreError):
    """The server undid this transaction to let another one go on: it may simply be tried again."""


@contextmanager
def faults(place: File | Server) -> Iterator[None]:
    """Turn whatever the database raises into a `StoreError`."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        # `from None`: a driver's own message may hold what the URL holds.
        raise explain(error, place) from None


def explain(error: Exception, place: File | Server) -> StoreError:
    """The error as a person would want it: what is wrong with which ledger, and what would help."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    wrong, hint = _advice(error, cause, place)
    detail = str(cause.args[-1] if cause.args else cause).strip().split("\n")[0]
    for secret in place.secrets if isinstance(place, Server) else ():
        detail = detail.replace(secret, "***")
    kind = Deadlock if _is_deadlock(cause) else StoreError
    return kind(f"ledger {place.label}: {wrong} ({detail})", hint=hint)


def _is_deadlock(cause: BaseException) -> bool:
    number = cause.args[0] if cause.args else None
    return number == 1213 or getattr(cause, "sqlstate", None) in ("40001", "40P01")


def _advice(error: Exception, cause: BaseException, place: File | Server) -> Advice:
    if isinstance(error, PoolTimeout):
        return "all connections are in use", "close readers that are no longer needed"
    if isinstance(error, TypeError):
        return "its URL has an option that the driver does not know", "look at what follows the `?`"
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return _FULL
    of_server: Callable[[BaseException], Advice] | None = None
    if isinstance(place, Server):
        of_server = _of_mysql if place.url.drivername.startswith("mysql") else _of_postgres
    return of_server(cause) if of_server else _CONFUSED


def _of_sqlite(cause: sqlite3.Error) -> Advice:
    name = getattr(cause, "sqlite_errorname", "")
    return next((advice for start, advice in _SQLITE.items() if name.startswith(start)), _CONFUSED)


def _of_mysql(cause: BaseException) -> Advice:
    number = cause.args[0] if cause.args else None
    return _MYSQL.get(number, _CONFUSED) if isinstance(number, int) else _CONFUSED


def _of_postgres(cause: BaseException) -> Advice:
    state = getattr(cause, "sqlstate", None) or ""
    if state:
        return next((advice for start, advice in _POSTGRES.items() if state.startswith(start)), _CONFUSED)
    text = str(cause)
    return next((advice for part, advice in _POSTGRES_TEXTS if part in text), _CONFUSED)
