"""A ledger's tables are what the code expects, whoever made them and whenever."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from lives import Life
from sqlalchemy import inspect, text

from forescale.model.errors import StoreError
from forescale.store import Ledger, migrate
from forescale.store.schema import REVISION, VERSION_TABLE, metadata


def test_the_migrations_make_the_tables_of_the_code(ledger):
    with ledger._db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISION


def test_the_code_expects_the_newest_revision():
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [REVISION]
    assert migrate._known() == {script.revision for script in scripts.walk_revisions()}


def test_tables_have_the_right_types(ledger):
    inspector = inspect(ledger._db.engine)
    mysql = ledger._db.dialect == "mysql"
    for table in metadata.tables.values():
        columns = {column["name"]: column["type"] for column in inspector.get_columns(table.name)}
        for name, kind in columns.items():
            if name in ("body", "state", "settings", "ticks", "text", "outcome"):
                assert str(kind).startswith("LONGTEXT" if mysql else "TEXT")
        if mysql:
            with ledger._db.engine.connect() as connection:
                query = (
                    "SELECT engine, table_collation FROM information_schema.tables WHERE table_name = :name"
                )
                found = connection.execute(text(query), {"name": table.name}).all()
            assert set(found) == {("InnoDB", "utf8mb4_bin")}


def test_opening_again_changes_nothing(url):
    life = Life()
    with Ledger.open(url) as ledger:
        ledger.snapshot("web", "{}", life.state)
    for options in ({}, {"create": False}, {"read_only": True}):
        with Ledger.open(url, **options) as ledger:
            assert ledger.state("web") == life.state


OPEN = (
    "import sys; from forescale.store import Ledger; sys.stdin.readline(); Ledger.open(sys.argv[1]).close()"
)


def test_many_processes_open_a_new_ledger_at_once(url):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:  # all have been started: now all of them go
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    with Ledger.open(url, create=False) as ledger, ledger._db.engine.connect() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).all() == [(REVISION,)]


def test_many_threads_open_a_new_ledger_at_once(url):
    with ThreadPoolExecutor(6) as threads:
        for ledger in threads.map(lambda _: Ledger.open(url), range(6)):
            ledger.close()


def set_revision(url, revision):
    with Ledger.open(url) as ledger, ledger._db.engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :new"), {"new": revision})


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_ledger_is_refused_and_left_alone(url, read_only):
    set_revision(url, "9999")
    with pytest.raises(StoreError, match="newer forescale") as caught:
        Ledger.open(url, read_only=read_only)
    assert "upgrade forescale" in caught.value.hint
    assert "9999" in caught.value.message


def test_a_migration_that_was_cut_off_goes_on(url):
    """MySQL commits every CREATE: killed half-way, some tables are there and no revision."""
    with Ledger.open(url) as ledger, ledger._db.engine.begin() as connection:
        for table in ("ledger_notice", "ledger_segment"):
            connection.execute(text(f"DROP TABLE {table}"))
        if ledger._db.dialect == "sqlite":
            return  # its migrations are one transaction: there is no half-way
        connection.execute(
            text("DROP INDEX ledger_action_time" + (" ON ledger_action" if "mysql" in url else ""))
        )
        connection.execute(text(f"DELETE FROM {VERSION_TABLE}"))
    life = Life()
    with Ledger.open(url) as ledger:
        ledger.snapshot("web", "{}", life.state)
        ledger.commit([life.quiet()])
        test_the_migrations_make_the_tables_of_the_code(ledger)


@pytest.mark.slow
def test_the_wheel_has_the_migrations(tmp_path):
    """What is installed can make a ledger, too."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=Path(__file__).parents[2], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = "import sys; from forescale.store import Ledger, migrate; Ledger.open('x.db'); print(migrate)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "site") in done.stdout
