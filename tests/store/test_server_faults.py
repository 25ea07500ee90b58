"""What goes wrong with a server comes out clear, loses nothing and gives no password away."""

import socket
import threading
import traceback
from contextlib import contextmanager, suppress

import pytest
from lives import START, Life, holds, started
from sqlalchemy import event, make_url, text

from forescale.model.errors import StoreError
from forescale.model.event import Resume
from forescale.store import Conflict, Ledger

LOST = "connection was lost|server is stopping|does not answer"
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
