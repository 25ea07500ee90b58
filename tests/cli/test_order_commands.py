"""`forescale pause`, `resume`, `override`, given from one process to another."""

import getpass
import json
import time

import pytest

from daemon import cli, wait_for, world
from forescale.store import Ledger

CONFIG = "store: ledger.db\ntargets:\n  web: {group: web-asg}\n"


def waiting(folder):
    with Ledger.open(str(folder / "ledger.db"), read_only=True) as ledger:
        return list(ledger.orders().get("web", {}).values())


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "forescale.yaml"
    path.write_text(CONFIG)
    return path


def test_before_any_process_runs_orders_wait_in_the_ledger(config, tmp_path):
    begun = time.time()
    code, out, err = cli("override", "web", "7", "--for", "90m", "--why", "launch day", "-f", config)
    assert code == 0
    assert out.startswith("web: held at 7 until ")
    assert "no process runs web now: it will be carried out when one starts" in " ".join(err.split())
    assert cli("pause", "web", "-f", config)[0] == 0
    assert cli("resume", "web", "--why", "done", "-f", config)[0] == 0
    override, pause, resume = waiting(tmp_path)
    assert (override.desired, override.by, override.why) == (7, getpass.getuser(), "launch day")
    assert begun + 5400 <= override.until <= time.time() + 5400
    assert begun + 3600 <= pause.until <= time.time() + 3600
    assert (resume.by, resume.why) == (getpass.getuser(), "done")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["pause", "wbe"], "there is no target 'wbe': there are web"),
        (["override", "wbe", "3"], "did you mean 'web'?"),
        (["resume", "nothing"], "there is no target 'nothing'"),
        (["pause", "web", "--for", "soon"], "'soon' is not a duration"),
        (["override", "web"], "Missing argument"),
        (["override", "web", "many"], "unable to parse string as an integer"),
        (["override", "web", "-1"], "No such option"),
    ],
)
def test_what_cannot_be_ordered(config, tmp_path, args, says):
    code, _, err = cli(*args, "-f", config)
    assert code == 2
    assert says in " ".join(err.replace("│", " ").split())
    assert not (tmp_path / "ledger.db").exists() or waiting(tmp_path) == []


def test_the_running_process_carries_each_out_once(tmp_path):
    with world(tmp_path) as stage:
        stage.group(load=0.9)
        config = stage.config()
        daemon = stage.start(config)
        daemon.ready()
        code, _, err = cli("override", "web", "5", "--for", "4s", "--why", "launch day", "-f", config)
        assert (code, err) == (0, "")
        wait_for(lambda: 5 in stage.wanted(), "the override")
        wait_for(lambda: stage.wanted()[-1] == 2, "its end")
        assert cli("pause", "web", "--for", "1h", "-f", config)[0] == 0
        daemon.told("command", target="web", text=f"paused by {getpass.getuser()}")
        stage.loads[0].instances = 4.0
        blocked = wait_for(
            lambda: [x for x in daemon.lines() if x["event"].startswith("Pause active")], "pause"
        )
        asked = list(stage.wanted())
        found = json.loads(cli("status", "--json", config)[1])["targets"][0]
        assert found["pause"]["by"] == getpass.getuser()
        assert found["run_by"] is not None
        assert blocked
        assert stage.wanted() == asked
        assert cli("resume", "web", "-f", config)[0] == 0
        wait_for(lambda: stage.wanted()[-1] == 8, "the end of the pause")
        assert daemon.stop()[0] == 0
        with Ledger.open(stage.store, read_only=True) as ledger:
            told = [n.text for n in reversed(ledger.notices("web")) if n.kind == "command"]
            me = getpass.getuser()
            assert told == [f"held at 5 by {me}: launch day", f"paused by {me}", f"resumed by {me}"]
            assert ledger.orders() == {}
        assert cli("replay", "-f", config)[0] == 0
