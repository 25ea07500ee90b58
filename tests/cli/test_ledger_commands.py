"""`forescale status`, `explain`, `ledger`, `replay`: what they say of a ledger, to people and to scripts."""

import asyncio
import json
import re
import sqlite3
import sys
import time

import pytest

from forescale.cli import main
from forescale.demo.local_aws import LocalAws
from forescale.model.event import Override, Pause
from forescale.runtime import log
from runtime_world import JumpingClock, configuration, on_aws, publish

CONFIG = """\
store: ledger.db
dry_run: {dry_run}
targets:
  web: {{group: web-asg}}
  api: {{group: api-asg}}
  db: {{group: db-asg}}
"""


def record(folder, *, dry_run=False):
    """The last 20 minutes of two targets: one scales out and in and is paused, one is held by hand."""
    clock = JumpingClock(time.time() // 60 * 60 - 1200)
    (folder / "forescale.yaml").write_text(CONFIG.format(dry_run=str(dry_run).lower()))
    groups = {"web": "web-asg", "api": "api-asg"}
    log.configure("json", "critical")

    async def go(aws, clients):
        calm = {"policies": [{"type": "target_tracking", "target": "30%"}]}
        own = {"web": {"shadow": {"calm": calm}}}
        own["api"] = {"experiment": {"name": "calmer", "treatment": calm}}
        config = configuration(aws, folder / "ledger.db", groups, own, interval="20s", dry_run=dry_run)
        async with on_aws(config, clock, clients) as stage:
            for n in range(58):
                used = 150 if 9 <= n < 18 else 40 if n < 40 else 20
                await stage.ticks(
                    before=lambda used=used: [
                        publish(aws, g, u) for g, u in (("web-asg", used), ("api-asg", 40))
                    ]
                )
                if n == 30:
                    order = Override(5, clock.now() + 3600, "ada", "launch day")
                    stage.ledger.post("api", order, clock.now())
                if n == 50:
                    stage.ledger.post("web", Pause(clock.now() + 7200, "bob", "[/bold] move"), clock.now())
            return stage

    with LocalAws(clock, boot_delay=120.0) as aws:
        for group in groups.values():
            aws.create_group(group, maximum=20, desired=2)
        clients = aws.clients(writable=not dry_run)
        try:
            return asyncio.run(go(aws, clients))
        finally:
            clients.close()


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """A ledger with a past, not to be changed."""
    folder = tmp_path_factory.mktemp("past")
    stage = record(folder)
    return folder, stage


@pytest.fixture
def call(capsys, monkeypatch):
    """Run the command line in this process: exit code, standard output, standard error."""
    monkeypatch.delenv("FORESCALE_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def shown(call, past, monkeypatch):
    """Run where the ledger with a past is; what was printed, if all went well."""
    monkeypatch.chdir(past[0])

    def run(*args):
        code, out, err = call(*args)
        assert (code, err) == (0, "")
        return json.loads(out) if "--json" in args else out

    return run


class TestStatus:
    def test_for_people(self, shown):
        out = shown("status")
        assert all(len(line) <= 80 for line in out.splitlines())
        lines = [" ".join(line.split()) for line in out.splitlines()]
        (web,) = (line for line in lines if line.startswith("web ") and "ago" in line)
        assert web.endswith("0.20 1 0 1 2m (6)")
        (db,) = (line for line in lines if line.startswith("db "))
        assert db == "db never"
        assert "not evaluated yet: forescale run" in lines
        assert any(
            line.startswith("paused by bob until") and line.endswith(": [/bold] move") for line in lines
        )
        assert any(line.startswith("held by ada until") and line.endswith("launch day") for line in lines)
        assert lines.count("no process runs it") == 2
        words = r"last 7 days: live billed [\d.]+ × demand, [\d.]+ % violated; calm billed [\d.]+ × demand"
        assert len(re.findall(words, " ".join(lines))) == 1
        assert "experiment calmer: 0 slices so far (forescale ab report)" in lines

    def test_for_scripts(self, shown, past):
        found = shown("status", "--json")
        assert (found["dry_run"], found["interval"]) == (False, 10.0)
        web, api, db = found["targets"]
        latest = {d.target: d for d in past[1].decisions}["web"]
        assert (web["target"], web["decision"], web["evaluated"]) == ("web", latest.id, latest.time)
        assert (web["demand"], web["in_service"], web["desired"]) == (0.2, 1, 1)
        assert (web["lead_time"], web["lead_time_launches"]) == (120.0, 6)
        assert (web["pause"]["by"], web["pause"]["why"], web["override"]) == ("bob", "[/bold] move", None)
        assert (api["override"]["desired"], api["override"]["by"]) == (5, "ada")
        assert web["run_by"] is None
        assert (list(web["arms"]), list(api["arms"])) == (["calm"], ["control"])
        assert (web["experiment"], api["experiment"]["ended"]) == (None, None)
        assert (api["experiment"]["name"], api["experiment"]["slices"]) == ("calmer", 0)
        assert web["arms"]["calm"]["cost"] > web["recent"]["cost"] > 1
        assert web["recent"]["violations"] > web["arms"]["calm"]["violations"] > 0
        assert db == {"target": "db", "evaluated": None, "run_by": None}


class TestExplain:
    def test_a_decision_from_what_was_seen_to_what_came_of_it(self, shown, past):
        action = next(a for a in past[1].actions if a.direction == "out")
        out = shown("explain", action.id)
        lines = [" ".join(line.split()) for line in out.splitlines()]
        assert lines[0] == f"{action.id} scale out 2 → 6"
        assert lines[2] == "seen demand 3 instances; 2 in service, 0 pending; lead time 2m"
        assert lines[3].startswith("proposed target_tracking: prefers 6 (demand 3.00 is 150% of 2 serving")
        assert lines[-2:] == ["decided scale out 2 → 6", "outcome done: desired capacity 6"]

    def test_the_newest_of_a_target_and_of_all(self, shown, past):
        newest = {d.target: d.id for d in past[1].decisions}
        assert shown("explain", "api").splitlines()[0].startswith(newest["api"])
        assert "; calm billed " in " ".join(shown("explain", "web").split())
        assert "because override by ada: launch day" in " ".join(shown("explain", "api").split())
        heads = [line.split()[0] for line in shown("explain").splitlines() if line.startswith(("web", "api"))]
        assert heads == [newest["web"], newest["api"]]

    def test_for_scripts(self, shown, past):
        action = next(a for a in past[1].actions if a.direction == "out")
        (found,) = shown("explain", action.id, "--json")
        assert found["decision"]["id"] == action.id
        assert found["outcome"] == {"type": "done", "action": action.id, "desired": 6}

    @pytest.mark.parametrize(
        ("wanted", "says", "hint"),
        [
            ("web-99999", "there is no decision 'web-99999' in the ledger", "forescale ledger web"),
            (
                "wbe-3",
                "'wbe-3' is neither a decision nor a target: there are web, api, db",
                "forescale ledger",
            ),
            ("db", "no decision was made yet for db", "forescale run"),
        ],
    )
    def test_what_there_is_not(self, call, past, monkeypatch, wanted, says, hint):
        monkeypatch.chdir(past[0])
        code, out, err = call("explain", wanted)
        assert (code, out) == (1, "")
        assert says in err
        assert hint in err


class TestLedger:
    def test_newest_first_and_what_came_of_it(self, shown, past):
        out = shown("ledger", "web", "--actions")
        assert all(len(line) <= 80 for line in out.splitlines())
        actions = [a for a in past[1].actions if a.target == "web"]
        heads = [line for line in out.splitlines() if not line.startswith(" ")]
        assert [line.split()[2] for line in heads] == [a.id for a in reversed(actions)]
        assert heads[-1].endswith("scale out 2 → 6  done: desired capacity 6")
        assert "above 50%, so 6" in out

    def test_repetitions_are_one_line_with_their_number(self, shown, past):
        lines = shown("ledger", "--limit", "1000").splitlines()
        counts = [
            int(line.rpartition("×")[2].split()[0]) if "×" in line else 1 for line in lines if line[0] != " "
        ]
        assert sum(counts) == len(past[1].decisions)
        assert len(counts) < 60

    def test_for_scripts(self, shown, past):
        runs = shown("ledger", "--json", "--limit", "1000")
        assert sum(run["count"] for run in runs) == len(past[1].decisions)
        assert {run["outcome"]["type"] for run in runs if run["decision"]["direction"] != "hold"} == {"done"}
        assert {run["outcome"] for run in runs if run["decision"]["direction"] == "hold"} == {None}

    def test_only_so_far_back(self, shown):
        assert shown("ledger", "--since", "1s") == "no such decisions\n"
        assert 0 < len(shown("ledger", "--since", "5m", "--json")) < len(shown("ledger", "--json"))

    def test_nothing_of_a_target(self, shown):
        assert shown("ledger", "db") == "no such decisions\n"
        assert shown("ledger", "db", "--json") == []

    def test_a_wrong_duration(self, call, past, monkeypatch):
        monkeypatch.chdir(past[0])
        code, _, err = call("ledger", "--since", "2")
        assert code == 2
        assert "'2' is not a duration" in " ".join(err.replace("│", "").split())


class TestReplay:
    def test_equal(self, shown, past):
        out = shown("replay").splitlines()
        decided = {name: sum(d.target == name for d in past[1].decisions) for name in ("web", "api")}
        events = {name: sum(e.target == name for e in past[1].entries) for name in ("web", "api")}
        assert out == [
            *(
                f"equal  {name}: {decided[name]} decisions on {events[name]} events, byte for byte"
                for name in ("web", "api")
            ),
            "equal  db: nothing is recorded",
        ]

    def test_for_scripts(self, shown):
        web, api, db = shown("replay", "--json")
        assert all(found["equal"] for found in (web, api, db))
        assert web["replay"]["decisions"] > 50
        assert shown("replay", "api", "--since", "1h", "--json")[0]["replay"]["target"] == "api"

    def test_a_ledger_that_was_tampered_with(self, call, tmp_path, monkeypatch):
        """One figure of one decision, changed by hand."""
        record(tmp_path)
        with sqlite3.connect(tmp_path / "ledger.db") as database:
            where = "FROM ledger_decision WHERE direction = 'out' ORDER BY n"
            row, n, body = database.execute(f"SELECT rowid, n, body {where}").fetchone()
            assert '"wanted":6' in body
            changed = (body.replace('"wanted":6', '"wanted":7'), row)
            database.execute("UPDATE ledger_decision SET body = ? WHERE rowid = ?", changed)
        database.close()
        monkeypatch.chdir(tmp_path)
        code, out, _ = call("replay")
        assert code == 1
        assert f"different  web: web-{n} after" in out
        assert "7 after arbitration" in out
        assert "6 after arbitration" in out
        code, out, _ = call("replay", "--json")
        assert code == 1
        assert [found["equal"] for found in json.loads(out)] == [False, True, True]

    def test_other_settings_in_the_file_change_nothing(self, call, past, tmp_path, monkeypatch):
        """Decisions are replayed under the settings of then."""
        config = (past[0] / "forescale.yaml").read_text().replace("web-asg}", "web-asg, guards: {max: 3}}")
        (tmp_path / "other.yaml").write_text(config.replace("ledger.db", str(past[0] / "ledger.db")))
        code, out, _ = call("replay", "--file", tmp_path / "other.yaml")
        assert code == 0
        assert out.count("equal  ") == 3


class TestDryRun:
    def test_what_would_have_been_done(self, call, tmp_path, monkeypatch):
        record(tmp_path, dry_run=True)
        monkeypatch.chdir(tmp_path)
        code, out, _ = call("ledger", "web", "--actions", "--json")
        runs = json.loads(out)
        assert code == 0
        assert {run["outcome"]["type"] for run in runs} == {"noop"}
        assert sum(run["count"] for run in runs) > len(runs)
        out = call("explain", runs[0]["last"])[1]
        assert "outcome noop: dry run: would set web-asg from 2 to" in " ".join(out.split())
        assert "dry run: nothing is changed" in call("status")[1]


class TestNothingThere:
    @pytest.fixture(autouse=True)
    def fresh(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "forescale.yaml").write_text(CONFIG.format(dry_run="true"))

    @pytest.mark.parametrize("command", ["status", "explain", "ledger", "replay"])
    def test_no_ledger(self, call, command, tmp_path):
        code, out, err = call(command)
        assert (code, out) == (3, "")
        assert "ledger.db" in err
        assert "hint" in err
        assert not (tmp_path / "ledger.db").exists()

    @pytest.mark.parametrize("command", ["status", "explain", "ledger", "replay"])
    def test_no_configuration(self, call, command, tmp_path):
        (tmp_path / "forescale.yaml").unlink()
        code, out, err = call(command)
        assert (code, out) == (2, "")
        assert "forescale.yaml" in err

    @pytest.mark.parametrize("command", ["ledger", "replay"])
    def test_no_such_target(self, call, past, command, monkeypatch):
        monkeypatch.chdir(past[0])
        code, _, err = call(command, "wbe")
        assert code == 2
        assert "there is no target 'wbe': there are web, api, db" in err
        assert "did you mean 'web'?" in err

    def test_an_empty_ledger(self, call):
        assert call("pause", "web")[0] == 0
        assert call("ledger")[1] == "no decisions yet: forescale run\n"
        assert call("explain")[2].startswith("error: no decision was made yet\n")
        assert "nothing is recorded" in call("replay")[1]
        assert call("status")[0] == 0
