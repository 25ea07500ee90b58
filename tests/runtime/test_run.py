"""`forescale run` from end to end: a process of its own, a local AWS over HTTP, in real time."""

import random
import signal
import sqlite3
import time
from itertools import groupby

import pytest

from daemon import cli, environment, wait_for, world
from forescale.store import Ledger
from runtime_world import assert_replays
from servers import database


@pytest.fixture
def stage(tmp_path):
    with world(tmp_path) as stage:
        yield stage


def follows_the_load(stage, config, store):
    """Out when load comes, in when it goes; then a graceful stop."""
    load = stage.group()
    daemon = stage.start(config)
    daemon.ready()
    assert daemon.ask("/health") == (200, {})
    load.instances = 3.0
    wait_for(lambda: 6 in stage.wanted() and load.serving() == 6, "scale-out")
    load.instances = 1.0
    wait_for(lambda: stage.wanted()[-1] == 2 and load.serving() == 2, "scale-in")
    daemon.ready()
    code, took = daemon.stop()
    assert (code, daemon.lines()[-1]["event"]) == (0, "forescale has stopped")
    assert took < 20
    with Ledger.open(store, read_only=True) as ledger:
        assert_replays(ledger, "web")
        assert ledger.leases() == ()
        actions = ledger.actions("web", limit=1000)
        assert [a.action.desired for a in reversed(actions)] == stage.wanted()
        assert all(type(a.outcome).__name__ == "Done" for a in actions)
    return daemon


def test_from_the_metrics_to_the_capacity_and_back(stage):
    daemon = follows_the_load(stage, stage.config(), stage.store)
    acting = next(line for line in daemon.lines() if line["event"].startswith("Scaling UP 2 → "))
    same = daemon.lines(request_id=acting["request_id"])
    assert [line["event"].split()[0] for line in same if line["level"] == "info"] == [
        "decided",
        "Scaling",
        "Capacity",
    ]
    code, out, _ = cli("replay", stage.path / "x", "--file", stage.path / "forescale.yaml")
    assert code == 2
    code, out, _ = cli("replay", "--file", stage.path / "forescale.yaml")
    assert code == 0
    assert "equal" in out


@pytest.mark.server
@pytest.mark.parametrize("kind", ["mariadb", "postgres"])
def test_on_a_database_server(stage, request, kind):
    with database(request.getfixturevalue(f"{kind}_url")) as url:
        follows_the_load(stage, stage.config(store=url), url)


def test_a_restart_keeps_the_cooldowns(stage):
    load = stage.group(load=1.9)
    config = stage.config(cooldown="1h")
    daemon = stage.start(config)
    wait_for(stage.wanted, "scale-out")
    daemon.told("Capacity updated → 4")
    assert daemon.stop()[0] == 0
    load.instances = 8.0
    again = stage.start(config)
    blocked = wait_for(lambda: [x for x in again.lines() if x["event"].startswith("Cooldown")], "a cooldown")
    assert "active" in blocked[0]["event"]
    time.sleep(2)
    assert again.stop(signal.SIGINT)[0] == 0
    assert stage.wanted() == [4]
    with Ledger.open(stage.store, read_only=True) as ledger:
        assert_replays(ledger, "web")
        (done,) = ledger.state("web").history
        (blocker,) = [b for b in ledger.latest_decision("web").blockers if b.rule == "cooldown"]
        assert blocker.until == done.time + 3600


def test_without_a_ledger_it_waits_and_says_so(stage):
    load = stage.group()
    daemon = stage.start(stage.config(store=f"{stage.store}?timeout=0.2"))
    daemon.ready()
    lock = sqlite3.connect(stage.path / "ledger.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    load.instances = 3.0
    _, problems = wait_for(lambda: (a := daemon.ask("/ready"))[0] == 503 and a, "/ready to say so")
    assert "another process holds its lock" in problems["web"]
    assert daemon.ask("/health")[0] == 200
    time.sleep(3)
    assert stage.wanted() == []
    lock.rollback()
    lock.close()
    wait_for(lambda: 6 in stage.wanted(), "scale-out")
    daemon.ready()
    assert daemon.stop()[0] == 0
    assert len(daemon.lines(event="ledger failing", target="web")) == 1
    with Ledger.open(stage.store) as ledger:
        assert_replays(ledger, "web")


class TestStandby:
    def test_the_second_stands_by_and_takes_over(self, stage):
        load = stage.group()
        config = stage.config()
        first = stage.start(config)
        first.ready()
        second = stage.start(config)
        second.told("standing by to take over")
        status, problems = second.ask("/ready")
        assert status == 503
        assert "standing by: web belongs to another forescale" in problems["web"]
        assert second.ask("/health")[0] == 200
        assert first.stop()[0] == 0
        second.told("taken over")
        second.ready()
        third = stage.start(config)
        third.told("standing by to take over")
        second.kill()
        third.told("taken over")
        third.ready()
        load.instances = 3.0
        wait_for(lambda: 6 in stage.wanted(), "scale-out")
        assert third.stop()[0] == 0
        with Ledger.open(stage.store, read_only=True) as ledger:
            assert_replays(ledger, "web")

    def test_once_does_not_interfere(self, stage):
        stage.group()
        config = stage.config()
        stage.start(config).ready()
        code, out, err = cli("once", config)
        assert (code, out) == (3, "")
        assert "belongs to another forescale" in err


@pytest.mark.slow
def test_killed_at_random_it_goes_on_where_it_was(stage):
    chance, load, config = random.Random(7), stage.group(load=3.0), stage.config(cooldown="4s")
    for n in range(4):
        daemon = stage.start(config)
        daemon.ready()
        load.instances = (3.0, 1.0, 4.0, 0.5)[n]
        time.sleep(chance.uniform(0.5, 4.0))
        daemon.kill()
    load.instances = 1.0
    daemon = stage.start(config)
    wait_for(lambda: load.serving() == 2 and stage.wanted()[-1:] == [2], "peace")
    assert daemon.stop()[0] == 0
    with Ledger.open(stage.store, read_only=True) as ledger:
        assert_replays(ledger, "web")
        wanted = [a.action.desired for a in reversed(ledger.actions("web", limit=1000))]
        assert [asked for asked, _ in groupby(stage.wanted())] == wanted
        assert [n.kind for n in ledger.notices("web") if n.kind == "foreign_write"] == []


class TestWrongAtTheStart:
    def test_a_file_that_is_no_ledger(self, stage):
        (stage.path / "ledger.db").write_text(
            "certainly not a database, but longer than a header of one" * 99
        )
        code, _, err = cli("run", stage.config())
        assert code == 3
        assert f"ledger {stage.path / 'ledger.db'}: it is not a SQLite database" in err
        assert "Traceback" not in err

    def test_a_corrupt_ledger(self, stage):
        stage.aws.create_group("web")
        config = stage.config()
        assert cli("once", config)[0] == 0
        with (stage.path / "ledger.db").open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 200_000)
        code, _, err = cli("run", config)
        assert code == 3
        assert "corrupt" in err
        assert "restore it from a backup" in err
        assert "Traceback" not in err

    def test_a_directory_that_is_not_there(self, stage):
        code, _, err = cli("run", stage.config(store=f"sqlite:///{stage.path}/no/such/ledger.db"))
        assert code == 3
        assert "it cannot be opened" in err

    def test_a_port_that_is_taken(self, stage):
        stage.group()
        daemon = stage.start(stage.config())
        port = daemon.told("forescale runs, and acts")["health"].split(":")[2].split("/")[0]
        config = stage.config({"web": "web"}, name="other.yaml", store=f"sqlite:///{stage.path}/other.db")
        config.write_text(config.read_text().replace("port: 0", f"port: {port}"))
        code, _, err = cli("run", config)
        assert code == 2
        assert f"cannot serve health on 127.0.0.1:{port}" in err
        assert "set health.port" in err

    def test_no_credentials(self, stage):
        bare = environment(HOME=str(stage.path), AWS_EC2_METADATA_DISABLED="true")
        del bare["AWS_ACCESS_KEY_ID"], bare["AWS_SECRET_ACCESS_KEY"]
        daemon = stage.start(stage.config(), env=bare)
        told = daemon.told("group failing")
        assert "Unable to locate credentials" in told["error"]
        assert "aws sso login" in told["hint"]
        time.sleep(2)
        assert len(daemon.lines(event="group failing")) == 1
        assert daemon.stop()[0] == 0
