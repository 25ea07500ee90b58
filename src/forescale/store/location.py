"""Where a ledger is: a path, or a URL."""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from forescale.model.errors import StoreError

# What people write -> SQLAlchemy's dialect and driver. A MariaDB server is spoken to as MySQL:
# SQLAlchemy finds out which of the two it is.
_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_HINT = "write a path, sqlite:///ledger.db, mysql://user@host/database or postgresql://user@host/database"
_BUSY = 10.0  # seconds to wait for another process's lock before giving up


class File(NamedTuple):
    """A SQLite file, and how many seconds to wait for its lock."""

    path: Path
    busy: float = _BUSY

    @property
    def label(self) -> str:
        """How messages call it."""
        return str(self.path)

    def uri(self, mode: str) -> str:
        """SQLite's own URI of the file, opened as `ro`, `rw` or `rwc`."""
        return f"file:{quote(str(self.path.absolute()))}?mode={mode}"


class Server(NamedTuple):
    """A database on a MySQL, MariaDB or PostgreSQL server."""

    url: URL

    @property
    def label(self) -> str:
        """How messages call it: without the password, wherever in the URL that stands."""
        return self.url.set(query={}).render_as_string(hide_password=True)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in any message."""
        given = [self.url.password, self.url.query.get("password"), self.url.query.get("passwd")]
        return tuple(str(secret) for secret in given if secret)


def locate(url: str) -> File | Server:
    """A ledger's place. Raises `StoreError` where the URL is not one of a ledger."""
    if "://" not in url:
        if not url.strip() or url == ":memory:":
            raise StoreError(f"{url!r} is not a place for a ledger", hint=_HINT)
        return File(Path(url).expanduser())
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # its text would show the password
        raise StoreError("the URL of the ledger cannot be read", hint=_HINT) from None
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return _file(parsed)
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise StoreError(f"no ledger can be kept in {parsed.drivername!r}", hint=_HINT)
    if not parsed.database:
        label = Server(parsed).label
        raise StoreError(f"{label} names no database", hint=f"add one: {label.rstrip('/')}/forescale")
    return Server(parsed.set(drivername=driver))


def _file(url: URL) -> File:
    if not url.database or url.database == ":memory:":
        raise StoreError("a ledger outlives its process: it cannot be kept in memory", hint=_HINT)
    unknown = set(url.query) - {"timeout"}
    if unknown:
        names = ", ".join(sorted(unknown))
        raise StoreError(f"unknown option of a SQLite ledger: {names}", hint="only ?timeout=SECONDS is known")
    try:
        busy = float(str(url.query.get("timeout", _BUSY)))
    except ValueError:
        raise StoreError("timeout of the SQLite ledger is not a number of seconds", hint=_HINT) from None
    return File(Path(url.database).expanduser(), busy)
