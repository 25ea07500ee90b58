"""What goes wrong with the file of a ledger, or its disk, comes out clear and loses nothing."""

import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from lives import START, Life, holds, started

from forescale.model.errors import StoreError
from forescale.model.event import Resume
from forescale.store import Ledger


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


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
