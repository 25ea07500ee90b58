"""What goes wrong with a database comes out clear, loses nothing and gives no password away."""

import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from lives import START, Life
from sqlalchemy import event, make_url, text

from forescale.model.errors import StoreError
from forescale.model.event import Resume
from forescale.model.value import encode
from forescale.store import Conflict, Ledger, fold

LOST = "connection was lost|server is stopping|does not answer"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


def started(url, life):
    ledger = Ledger.open(str(url))
    ledger.snapshot(life.target, "{}", life.state)
    return ledger


def holds(ledger, life):
    """The ledger holds exactly this life."""
    (segment,) = ledger.segments(life.target)
    return (
        encode(segment.events) == encode(life.events)
        and fold.first_difference(segment.decisions, life.decisions) is None
        and ledger.state(life.target) == life.state
    )


# SQLite


def test_no_ledger_there(path):
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(StoreError, match="there is no ledger") as caught:
            Ledger.open(str(path), **options)
        assert "forescale run" in caught.value.hint
        assert not path.exists()


def test_no_directory_there(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        Ledger.open(str(tmp_path / "nowhere" / "ledger.db"))
    assert "directory exists" in caught.value.hint


def test_a_directory_is_no_ledger(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened"):
        Ledger.open(str(tmp_path))


def test_a_file_of_another_kind(path):
    path.write_text("time,load\n" * 1000)
    with pytest.raises(StoreError, match="not a SQLite database"):
        Ledger.open(str(path))
    assert path.read_text().startswith("time,load")


def test_a_database_of_somebody_else(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    connection.close()
    with pytest.raises(StoreError, match="not a ledger"):
        Ledger.open(str(path))


def read_all(path):
    with Ledger.open(str(path)) as ledger:
        list(ledger.segments("web"))
        ledger.decisions(limit=10**6)


def test_a_damaged_file(path):
    life = Life()
    with started(path, life) as ledger:
        ledger.commit([life.news(float(i)) for i in range(2000)])
    size = path.stat().st_size
    with path.open("r+b") as file:  # every page but the first few, which hold the list of tables
        file.seek(size // 10)
        file.write(os.urandom(size - size // 10))
    with pytest.raises(StoreError, match="corrupt") as caught:
        read_all(path)
    assert "backup" in caught.value.hint


def test_a_truncated_file(path):
    life = Life()
    with started(path, life) as ledger:
        ledger.commit([life.news(float(i)) for i in range(2000)])
    os.truncate(path, path.stat().st_size // 3)
    with pytest.raises(StoreError, match="corrupt"):
        read_all(path)


def test_another_process_holds_the_lock(path):
    life = Life()
    ledger = started(f"sqlite:///{path}?timeout=0.1", life)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    entry = life.quiet()
    with pytest.raises(StoreError, match="another process holds its lock"):
        ledger.commit([entry])
    assert ledger.state("web") != life.state  # readers are not held up
    other.execute("ROLLBACK")
    other.close()
    ledger.commit([entry])
    assert holds(ledger, life)
    ledger.close()


def test_opened_read_only(path):
    life = Life()
    started(path, life).close()
    with Ledger.open(str(path), read_only=True) as ledger:
        assert ledger.state("web") == life.state
        for write in (
            lambda: ledger.commit([life.quiet()]),
            lambda: ledger.post("web", Resume("ada"), START),
            lambda: ledger.hold(["web"], "me", START, START + 1),
            lambda: ledger.prune(START),
        ):
            with pytest.raises(StoreError, match="opened read-only"):
                write()


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from forescale.model.errors import StoreError
from forescale.store import Ledger
from lives import Life

here, what = Path(sys.argv[1]), sys.argv[2]
life = Life()
with Ledger.open(str(here / "ledger.db")) as ledger:
    ledger.snapshot("web", "{}", life.state)
(here / "ledger.db").chmod(0o444)
here.chmod(0o755 if what == "file" else 0o555)
if what == "directory":
    (here / "ledger.db").chmod(0o666)
if what == "watching":  # while another process has it open
    (here / "ledger.db").chmod(0o644), here.chmod(0o755)
    writer = Ledger.open(str(here / "ledger.db"))
    writer.commit([life.quiet()])
if os.geteuid() == 0:  # permissions mean nothing to root; all that is needed is imported by now
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    if what == "new":
        Ledger.open(str(here / "other.db"))
    if what in ("reading", "watching"):
        with Ledger.open(str(here / "ledger.db"), read_only=True) as ledger:
            print(ledger.targets(), ledger.state("web") == life.state)
    else:
        with Ledger.open(str(here / "ledger.db")) as ledger:
            ledger.commit([life.quiet()])
            print("written")
except StoreError as error:
    print("StoreError:", error.message, "|", error.hint)
"""


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("file", "it cannot be written to"),
        ("directory", "cannot be (written|opened)"),
        ("new", "it cannot be opened"),
        ("reading", r"\('web',\) True"),
        ("watching", r"\('web',\) True"),
    ],
)
def test_without_permission(what, says):
    tests = Path(__file__).parent
    with tempfile.TemporaryDirectory(prefix="forescale-") as place:
        done = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, place, what],
            env=os.environ | {"PYTHONPATH": str(tests)},
            capture_output=True,
            text=True,
        )
        Path(place).chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert re.search(says, done.stdout)


# A full disk


@pytest.fixture(params=["pages", "file size", "disk"])
def narrow(request, tmp_path):
    """A directory with room for a small ledger, the limit it runs into, and how to lift it."""
    if request.param == "disk":
        if (
            os.geteuid() != 0
            or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path]).returncode
        ):
            pytest.skip("may not mount a small file system")
        yield (
            tmp_path,
            "full",
            lambda _: subprocess.run(["mount", "-o", "remount,size=64m", tmp_path], check=True),
        )
        subprocess.run(["umount", "--lazy", tmp_path], check=True)
    elif request.param == "pages":
        yield tmp_path, "full", limit_pages
    else:
        before, handler = (
            resource.getrlimit(resource.RLIMIT_FSIZE),
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
        )
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
        yield tmp_path, "full|failed", lambda _: resource.setrlimit(resource.RLIMIT_FSIZE, before)
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def limit_pages(ledger, pages=2**30):
    """SQLite's own limit, per connection."""
    with ledger._db.engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_loses_nothing(narrow):
    place, says, lift = narrow
    life = Life()
    ledger = started(place / "ledger.db", life)
    if lift is limit_pages:
        limit_pages(ledger, 100)
    refused = None
    for i in range(20):
        before, entries = life.state, [life.news(float(i * 1000 + j)) for j in range(200)]
        try:
            ledger.commit(entries)
        except StoreError as error:
            refused = error
            break
    assert refused is not None
    assert re.search(says, refused.message)
    with pytest.raises(StoreError):
        ledger.commit(entries)
    with Ledger.open(str(place / "ledger.db"), read_only=True) as other:
        assert other.state("web") == before
    lift(ledger)
    ledger.commit(entries)
    ledger.commit([life.quiet()])
    assert holds(ledger, life)
    ledger.close()
    with sqlite3.connect(place / "ledger.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_pruning_gives_the_room_back(path):
    life = Life()
    with started(path, life) as ledger:
        for i in range(20):
            ledger.commit([life.news(float(i * 1000 + j)) for j in range(300)])
            ledger.snapshot("web", "{}", life.state)
    full = path.stat().st_size
    with Ledger.open(str(path)) as ledger:
        ledger.prune(life.time + 1)
    assert path.stat().st_size < full / 10


# Servers

COMMIT = {"mysql": b"\x03COMMIT", "postgresql": b"COMMIT\x00"}  # the statement, as it is sent


@contextmanager
def through(url):
    """A way to a server that can be cut: the URL of the way, and the way."""
    way = Way((make_url(url).host, make_url(url).port))
    try:
        yield make_url(url).set(port=way.port).render_as_string(hide_password=False), way
    finally:
        way.close()


class Way:
    """Passes bytes on, until it is told to break: at once, or when some words pass."""

    def __init__(self, server):
        self.server, self.swallow, self.open = server, None, True
        self.sockets, self.threads = [], []
        self.gate = socket.create_server(("127.0.0.1", 0))
        self.port = self.gate.getsockname()[1]
        self._run(self._accept)

    def cut(self):
        """Break every connection; new ones are welcome."""
        for end in self.sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut_after(self, words):
        """Let these words through to the server, then break the line before it can answer."""
        self.swallow = words

    def close(self):
        self.open = False
        with suppress(OSError):
            self.gate.shutdown(socket.SHUT_RDWR)
        self.gate.close()
        self.cut()
        for thread in self.threads:
            thread.join()
        for end in self.sockets:
            end.close()

    def _run(self, work, *arguments):
        self.threads.append(threading.Thread(target=work, args=arguments))
        self.threads[-1].start()

    def _accept(self):
        while self.open:
            try:
                client, _ = self.gate.accept()
            except OSError:
                return
            server = socket.create_connection(self.server)
            self.sockets += [client, server]
            dead = threading.Event()
            self._run(self._pass, client, server, True, dead)
            self._run(self._pass, server, client, False, dead)

    def _pass(self, source, sink, outward, dead):
        with suppress(OSError):
            while data := source.recv(65536):
                if outward and self.swallow and self.swallow in data:
                    self.swallow = None
                    dead.set()
                    sink.sendall(data)
                    sink.shutdown(socket.SHUT_WR)
                    source.shutdown(socket.SHUT_RDWR)  # the client hears nothing any more
                    return
                if not outward and dead.is_set():
                    continue
                sink.sendall(data)
        if not dead.is_set():  # else the server may finish first what it was told
            for end in (source, sink):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


def test_nobody_listens(server_url):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but not listening
        gone = make_url(server_url).set(port=unused.getsockname()[1])
        with pytest.raises(StoreError, match="does not answer") as caught:
            Ledger.open(gone.render_as_string(hide_password=False))
    assert "running" in caught.value.hint
    assert secret_in(caught.value, gone) == []


def test_a_wrong_password(server_url):
    wrong = make_url(server_url).set(password="s3cret-but-wrong")
    with pytest.raises(StoreError, match="refuses user or password") as caught:
        Ledger.open(wrong.render_as_string(hide_password=False))
    assert secret_in(caught.value, wrong) == []


def test_no_such_database(server_url):
    gone = make_url(server_url).set(database="nothing_here")
    with pytest.raises(StoreError, match="no such database") as caught:
        Ledger.open(gone.render_as_string(hide_password=False))
    assert secret_in(caught.value, gone) == []


def test_an_empty_database_is_no_ledger_yet(server_url):
    with pytest.raises(StoreError, match="there is no ledger"):
        Ledger.open(server_url, create=False)


def test_read_only_on_a_server(server_url):
    life = Life()
    started(server_url, life).close()
    with Ledger.open(server_url, read_only=True) as ledger:
        assert ledger.state("web") == life.state
        ledger._db.read_only = False  # even if forescale forgot: the server itself refuses
        with pytest.raises(StoreError, match=r"read-only|cannot be written to"):
            ledger.post("web", Resume("ada"), START)


def secret_in(error, url):
    """Where the password shows: in what is printed, or in a traceback."""
    seen = "".join(traceback.format_exception(error))
    return [text for text in (error.message, error.hint, seen) if url.password in text]


def test_the_line_breaks_between_calls(server_url):
    life = Life()
    with through(server_url) as (url, way), started(url, life) as ledger:
        for _ in range(3):
            ledger.commit([life.quiet()])
            way.cut()
        assert holds(ledger, life)  # nobody noticed: the pool looks before it lends


def test_the_line_breaks_within_a_commit(server_url):
    life = Life()
    with through(server_url) as (url, way), started(url, life) as ledger:
        ledger.commit([life.quiet()])
        before, entry = life.state, life.news()
        way.cut_after(b"ledger_decision")
        with pytest.raises(StoreError, match=LOST) as caught:
            ledger.commit([entry])
        assert secret_in(caught.value, make_url(server_url)) == []
        assert ledger.state("web") == before
        ledger.commit([entry])
        assert holds(ledger, life)


@pytest.mark.parametrize("repeated", ["alone", "with more", "twice in doubt"])
def test_the_line_breaks_while_the_server_commits(server_url, repeated):
    """The server has done it and could not say so: repeating it must not do it twice."""
    life = Life()
    with through(server_url) as (url, way), started(url, life) as ledger:
        ledger.commit([life.quiet(), life.quiet()])
        entries = [life.quiet(), life.acting()]
        way.cut_after(COMMIT[make_url(url).get_backend_name()])
        with pytest.raises(StoreError, match=LOST):
            ledger.commit(entries)
        with Ledger.open(server_url) as other:
            assert other.state("web") == life.state  # it was done indeed
        if repeated != "alone":
            entries += [life.reported(), life.quiet()]
        if repeated == "twice in doubt":
            way.cut_after(COMMIT[make_url(url).get_backend_name()])
            with pytest.raises(StoreError, match=LOST):
                ledger.commit(entries)
        ledger.commit(entries)
        ledger.commit([life.quiet()])
        assert holds(ledger, life)
        (action,) = ledger.actions()
        assert (action.outcome is None) == (repeated == "alone")


def test_who_does_not_repeat_a_commit_in_doubt_is_told(server_url):
    life = Life()
    with through(server_url) as (url, way), started(url, life) as ledger:
        ledger.commit([life.quiet()])
        before = life.state
        way.cut_after(COMMIT[make_url(url).get_backend_name()])
        with pytest.raises(StoreError, match=LOST):
            ledger.commit([life.acting()])
        after = life.state
        life.state = before
        lost = life.quiet()
        for write in (lambda: ledger.commit([lost]), lambda: ledger.snapshot("web", "{}", before)):
            with pytest.raises(Conflict):
                write()
        life.entries.pop()
        life.state = ledger.reload("web")
        assert life.state == after
        ledger.commit([life.reported()])
        assert holds(ledger, life)


def test_a_snapshot_in_doubt_is_repeated(server_url):
    life = Life()
    with through(server_url) as (url, way), started(url, life) as ledger:
        ledger.commit([life.quiet()])
        way.cut_after(COMMIT[make_url(url).get_backend_name()])
        with pytest.raises(StoreError, match=LOST):
            ledger.snapshot("web", "{}", life.state)
        ledger.commit([life.quiet()])  # whatever became of it, this goes where it belongs
        ledger.snapshot("web", "{}", life.state)
        segments = list(ledger.segments("web"))
        assert [event for segment in segments for event in segment.events] == list(life.events)


def test_the_server_drops_the_session(server_url):
    life = Life()
    with started(server_url, life) as ledger, Ledger.open(server_url) as admin:
        for _ in range(2):
            ledger.commit([life.quiet()])
            drop_sessions(admin)
        ledger.commit([life.quiet()])
        assert holds(ledger, life)


def drop_sessions(admin):
    """As an administrator would: end every other session of this database."""
    with admin._db.engine.connect() as connection:
        if admin._db.dialect == "postgresql":
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            return
        query = (
            "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
        )
        for (session,) in connection.execute(text(query)).all():
            connection.execute(text(f"KILL {session}"))


def test_a_lock_held_by_another_session(server_url):
    life = Life()
    with started(server_url, life) as ledger, Ledger.open(server_url) as other:
        make_impatient(ledger)
        entry = life.quiet()
        with other._db.engine.connect() as connection, connection.begin():
            connection.execute(text("SELECT id FROM ledger_target FOR UPDATE")).all()
            with pytest.raises(StoreError, match="locked by another writer"):
                ledger.commit([entry])
        ledger.commit([entry])
        assert holds(ledger, life)


def make_impatient(ledger):
    """Wait a second for a lock, in new connections: the test need not take as long as patience does."""
    mysql = ledger._db.dialect == "mysql"
    patience = "SET SESSION innodb_lock_wait_timeout = 1" if mysql else "SET lock_timeout = '1s'"

    def connected(connection, _record):
        with connection.cursor() as cursor:
            cursor.execute(patience)
        connection.commit()

    event.listen(ledger._db.engine, "connect", connected)
    ledger._db.engine.dispose()
