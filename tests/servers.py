"""Real MariaDB, PostgreSQL and Prometheus servers for the tests that want them.

The first test process that asks starts a server, in a directory of its own, on a free port of
127.0.0.1, as a user without privileges; the others share it. A keeper (this very file, run as
a program) watches over the server: each test process holds a shared lock on a file while it
uses it, and as soon as nobody does, be it that all are done or that all were killed, the
keeper stops the server and removes its directory. So nothing is ever left running.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

PATIENCE = 90.0  # seconds for a server to start, on a machine that is busy with other tests
PASSWORD = "correct horse: battery/staple@1"  # it must survive a URL


class Kind(NamedTuple):
    """How one kind of server is made."""

    name: str
    program: str
    places: str
    """Where to look for the program if PATH has none: a glob below /."""
    prepare: Callable[[Path, Path, dict[str, Any]], None]
    command: Callable[[Path, Path, int], list[str]]
    url: Callable[[int], str]
    ready: Callable[[str, Callable[[], bool]], None]
    """Waits until the server at a URL answers; raises when told that it is too late."""
    stop: signal.Signals = signal.SIGTERM


def find(kind: Kind) -> Path | None:
    """The server's program, the newest where there are several."""
    found = shutil.which(kind.program)
    if found:
        return Path(found)
    return max(Path("/").glob(kind.places + kind.program), default=None)


@contextmanager
def server(kind: Kind, meeting: Path) -> Iterator[str]:
    """The URL of a running server, shared by every process that meets at this directory."""
    meeting.mkdir(parents=True, exist_ok=True)
    with (meeting / f"{kind.name}.users").open("w") as users:
        with _alone(meeting / f"{kind.name}.start"):
            fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that is stopping a server
            card = meeting / f"{kind.name}.json"
            if not card.exists():
                _start(kind, meeting, card)
            told = json.loads(card.read_text())
        try:
            yield told["url"]
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            _leave(meeting, kind, told["keeper"])


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty database on a server, dropped in the end."""
    from sqlalchemy import create_engine, make_url, text

    admin = create_engine(make_url(server_url), isolation_level="AUTOCOMMIT", hide_parameters=True)
    name = f"test_{uuid4().hex[:12]}"
    force = " WITH (FORCE)" if admin.dialect.name == "postgresql" else ""
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}{force}"))
    finally:
        admin.dispose()


def _start(kind: Kind, meeting: Path, card: Path) -> None:
    log = meeting / f"{kind.name}.log"
    with log.open("w") as output:
        keeper = subprocess.Popen(
            [sys.executable, __file__, kind.name, str(meeting)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C at the tests is not one at the server
        )
    deadline = time.monotonic() + PATIENCE
    while not card.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{kind.name} did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.05)
    keeper.returncode = 0  # it outlives this process if others still need it: not ours to reap


def _leave(meeting: Path, kind: Kind, keeper: int) -> None:
    """Where nobody else uses the server, wait until it is gone."""
    deadline = time.monotonic() + PATIENCE
    with (meeting / f"{kind.name}.users").open("w") as users:
        while time.monotonic() < deadline and (meeting / f"{kind.name}.home").exists():
            with suppress(ChildProcessError):
                os.waitpid(keeper, os.WNOHANG)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if (meeting / f"{kind.name}.json").exists():
                    return  # it is another test process that holds the lock, not the keeper
            else:
                fcntl.flock(users, fcntl.LOCK_UN)
            time.sleep(0.05)
    with suppress(ChildProcessError):
        os.waitpid(keeper, 0)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# What follows runs in the keeper.


def keep(kind: Kind, meeting: Path) -> None:
    """Start the server, wait until nobody uses it any more, stop it."""
    program = find(kind)
    assert program is not None
    home = Path(tempfile.mkdtemp(prefix=f"forescale-{kind.name}-"))
    note, card = meeting / f"{kind.name}.home", meeting / f"{kind.name}.json"
    note.write_text(str(home))
    process = None
    try:
        user = _unprivileged(home)
        kind.prepare(program, home, user)
        port = _free_port()
        process = subprocess.Popen(kind.command(program, home, port), cwd=home, **user)
        deadline = time.monotonic() + PATIENCE
        kind.ready(kind.url(port), lambda: process.poll() is not None or time.monotonic() > deadline)
        fresh = card.with_suffix(".new")
        fresh.write_text(json.dumps({"url": kind.url(port), "keeper": os.getpid()}))
        fresh.rename(card)
        _watch(process, meeting / f"{kind.name}.users", card)
    finally:
        card.unlink(missing_ok=True)
        if process is not None:
            process.send_signal(kind.stop)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
        shutil.rmtree(home, ignore_errors=True)
        note.unlink(missing_ok=True)


def _watch(process: subprocess.Popen[bytes], users: Path, card: Path) -> None:
    with users.open("w") as lock:
        while process.poll() is None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.1)
                continue
            card.unlink(missing_ok=True)  # with the lock held: whoever comes now starts another
            return


def _unprivileged(home: Path) -> dict[str, Any]:
    """Neither server agrees to run as root."""
    if os.geteuid() != 0:
        return {}
    import pwd

    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_sql(url: str, late: Callable[[], bool]) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import OperationalError

    engine = create_engine(url)
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            if late():
                raise
            time.sleep(0.05)
        else:
            engine.dispose()
            return


def _wait_for_prometheus(url: str, late: Callable[[], bool]) -> None:
    import httpx2

    while True:
        try:
            if httpx2.get(f"{url}/-/ready", auth=PROMETHEUS_LOGIN).is_success:
                return
        except httpx2.TransportError:
            pass
        if late():
            raise RuntimeError("Prometheus does not get ready")
        time.sleep(0.05)


def _quoted(password: str) -> str:
    from urllib.parse import quote

    return quote(password, safe="")


def _prepare_mariadb(program: Path, home: Path, user: dict[str, Any]) -> None:
    (home / "init.sql").write_text(
        f"CREATE USER forescale@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
        "GRANT ALL ON *.* TO forescale@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    install = shutil.which("mariadb-install-db") or str(program.parent.parent / "bin/mariadb-install-db")
    subprocess.run(
        [
            install,
            "--no-defaults",
            f"--datadir={home / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--innodb-log-file-size=8M",
        ],
        cwd=home,
        check=True,
        **user,
    )


def _run_mariadb(program: Path, home: Path, port: int) -> list[str]:
    return [
        str(program),
        "--no-defaults",
        f"--datadir={home / 'data'}",
        f"--socket={home / 'socket'}",
        f"--pid-file={home / 'pid'}",
        f"--init-file={home / 'init.sql'}",
        "--bind-address=127.0.0.1",
        f"--port={port}",
        "--skip-name-resolve",
        "--innodb-log-file-size=8M",
        "--innodb-buffer-pool-size=64M",
        "--innodb-flush-log-at-trx-commit=0",  # what is tested is killed clients, not lost power
        "--innodb-fast-shutdown=2",
        "--performance-schema=OFF",
    ]


def _prepare_postgres(program: Path, home: Path, user: dict[str, Any]) -> None:
    (home / "password").write_text(PASSWORD)
    subprocess.run(
        [
            str(program.with_name("initdb")),
            f"--pgdata={home / 'data'}",
            "--username=forescale",
            f"--pwfile={home / 'password'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        cwd=home,
        check=True,
        **user,
    )


def _run_postgres(program: Path, home: Path, port: int) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": home,
        "fsync": "off",  # as above
        "full_page_writes": "off",
        "shared_buffers": "32MB",
        "max_connections": 100,
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(program), "-D", str(home / "data"), *options]


# What the test Prometheus remembers: three pieces of some hours, far apart, so that reading all of
# it takes several requests. `load` is the minute since the beginning, `app` tells two series apart;
# `calls_total` counts two a second.
PROMETHEUS_START = 1_704_067_200  # 2024-01-01T00:00:00Z
PROMETHEUS_PIECES = ((0, 240), (10_920, 11_160), (22_000, 22_120))  # minutes
PROMETHEUS_NAN = 100  # the minute whose `load` is NaN
PROMETHEUS_LOGIN = ("reader", "correct horse")
_BCRYPT = (
    "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"  # of the password, as Prometheus wants it
)


def _prepare_prometheus(program: Path, home: Path, user: dict[str, Any]) -> None:
    (home / "prometheus.yml").write_text("global: {}\n")
    (home / "web.yml").write_text(f"basic_auth_users:\n  {PROMETHEUS_LOGIN[0]}: {_BCRYPT}\n")
    (home / "samples").write_text("\n".join(_samples()) + "\n# EOF\n")
    (home / "data").mkdir()
    if user:
        os.chown(home / "data", user["user"], user["group"])
    promtool = shutil.which("promtool") or str(program.with_name("promtool"))
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "samples", "data"]
    subprocess.run(command, cwd=home, check=True, stdout=subprocess.DEVNULL, **user)


def _samples() -> Iterator[str]:
    """OpenMetrics text: all of a metric together."""
    minutes = [minute for first, last in PROMETHEUS_PIECES for minute in range(first, last)]
    yield "# TYPE load gauge"
    for app, factor in (("web", 1), ("jobs", 2)):
        for minute in minutes:
            value = "NaN" if minute == PROMETHEUS_NAN else factor * minute
            yield f'load{{app="{app}"}} {value} {PROMETHEUS_START + 60 * minute}'
    yield "# TYPE calls counter"
    for minute in minutes:
        yield f"calls_total {120 * minute} {PROMETHEUS_START + 60 * minute}"


def _run_prometheus(program: Path, home: Path, port: int) -> list[str]:
    return [
        str(program),
        f"--config.file={home / 'prometheus.yml'}",
        f"--web.config.file={home / 'web.yml'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={home / 'data'}",
        "--storage.tsdb.retention.time=100y",
        "--log.level=warn",
    ]


MARIADB = Kind(
    "mariadb",
    "mariadbd",
    "usr/*bin/",
    _prepare_mariadb,
    _run_mariadb,
    lambda port: f"mysql+pymysql://forescale:{_quoted(PASSWORD)}@127.0.0.1:{port}/mysql",
    _wait_for_sql,
)
POSTGRES = Kind(
    "postgres",
    "postgres",
    "usr/lib/postgresql/*/bin/",
    _prepare_postgres,
    _run_postgres,
    lambda port: f"postgresql+psycopg://forescale:{_quoted(PASSWORD)}@127.0.0.1:{port}/postgres",
    _wait_for_sql,
    signal.SIGINT,  # at SIGTERM it would wait for its clients
)
PROMETHEUS = Kind(
    "prometheus",
    "prometheus",
    "usr/*bin/",
    _prepare_prometheus,
    _run_prometheus,
    lambda port: f"http://127.0.0.1:{port}",
    _wait_for_prometheus,
)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that `finally` is run
    keep({kind.name: kind for kind in (MARIADB, POSTGRES, PROMETHEUS)}[sys.argv[1]], Path(sys.argv[2]))
