"""Where a ledger may be, and how that is said."""

import subprocess
import sys
from pathlib import Path

import pytest

from forescale.model.errors import StoreError
from forescale.store.location import File, Server, locate


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("ledger.db", "ledger.db"),
        ("/var/lib/forescale/ledger.db", "/var/lib/forescale/ledger.db"),
        ("sqlite:///ledger.db", "ledger.db"),
        ("sqlite:////var/lib/ledger.db", "/var/lib/ledger.db"),
        ("sqlite+pysqlite:///ledger.db", "ledger.db"),
        ("C:ledger?#%20 ü.db", "C:ledger?#%20 ü.db"),
    ],
)
def test_files(url, path):
    assert locate(url) == File(Path(path))


def test_home_is_expanded():
    assert locate("~/ledger.db").path == locate("sqlite:///~/ledger.db").path == Path.home() / "ledger.db"


def test_patience_with_locks():
    assert locate("sqlite:///ledger.db?timeout=2.5") == File(Path("ledger.db"), 2.5)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("mysql://u@h/d", "mysql+pymysql"),
        ("mysql+pymysql://u@h/d", "mysql+pymysql"),
        ("mariadb://u@h/d", "mysql+pymysql"),
        ("mariadb+pymysql://u@h/d", "mysql+pymysql"),
        ("postgres://u@h/d", "postgresql+psycopg"),
        ("postgresql://u@h/d", "postgresql+psycopg"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg"),
    ],
)
def test_servers(url, driver):
    place = locate(url)
    assert isinstance(place, Server)
    assert place.url.drivername == driver
    assert (place.url.host, place.url.database) == ("h", "d")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2@h/d",
        "postgresql://ada@h/d?password=hunter2&sslmode=require",
        "mysql://ada@h/d?passwd=hunter2",
    ],
)
def test_the_password_is_not_in_the_label(url):
    place = locate(url)
    assert "hunter2" not in place.label
    assert "ada" in place.label
    assert place.secrets == ("hunter2",)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not a place"),
        ("  ", "not a place"),
        (":memory:", "not a place"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///x.db?mode=ro", "unknown option of a SQLite ledger: mode"),
        ("sqlite:///x.db?timeout=soon", "not a number of seconds"),
        ("oracle://ada:hunter2@h/d", "no ledger can be kept in 'oracle'"),
        ("mysql+asyncmy://ada:hunter2@h/d", "no ledger can be kept in"),
        ("postgresql://ada:hunter2@h", "names no database"),
        ("postgresql://ada:hunter2@h:port/d", "cannot be read"),
        ("://ada:hunter2", "cannot be read"),
    ],
)
def test_other_places_are_refused(url, says):
    with pytest.raises(StoreError, match=says) as caught:
        locate(url)
    assert caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint


WITHOUT_DRIVERS = """
import sys
sys.modules.update(pymysql=None, psycopg=None)  # as if they were not installed
from forescale.model.errors import StoreError
from forescale.store import Ledger
for url in sys.argv[1:]:
    try:
        Ledger.open(url)
    except StoreError as error:
        print(error.message, "|", error.hint)
"""


def test_a_missing_driver_is_named_with_its_extra():
    urls = ["mysql://ada:hunter2@h/d", "postgresql://ada:hunter2@h/d"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DRIVERS, *urls], capture_output=True, text=True, check=True
    )
    mysql, postgres = done.stdout.splitlines()
    assert "pymysql" in mysql
    assert "forescale[mysql]" in mysql
    assert "psycopg" in postgres
    assert "forescale[postgres]" in postgres
    assert "hunter2" not in done.stdout


def test_a_strange_option_of_a_server_is_told():
    from forescale.store import Ledger

    with pytest.raises(StoreError, match="option that the driver does not know") as caught:
        Ledger.open("mysql://ada:hunter2@127.0.0.1:1/d?colour=blue")
    assert "hunter2" not in caught.value.message


def test_the_model_of_a_ledger_loads_without_a_database():
    code = "import sys, forescale.store.fold, forescale.model.journal; print('pymysql' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
