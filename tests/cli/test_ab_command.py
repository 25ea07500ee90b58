"""`forescale ab`: what it says of experiments, to people and to scripts."""

import json
import sys

import pytest

from forescale.cli import main
from forescale.config import load
from forescale.model.state import State
from forescale.model.tally import Sums
from forescale.model.trial import Slice, Trial
from forescale.model.value import encode
from forescale.store import Ledger

CONFIG = """\
region: eu-west-1
store: ledger.db
dry_run: {dry_run}
targets:
  web:
    group: web-asg
    policies: [{{type: target_tracking, target: 50%}}]
    experiment: &it
      name: tighter
      slice: 3h
      treatment: {{policies: [{{type: target_tracking, target: 70%}}]}}
  api:
    group: api-asg
    experiment: {{<<: *it, name: pairs, design: matched, matched_with: db}}
  db:
    group: db-asg
    experiment: {{<<: *it, name: pairs, design: matched, matched_with: api}}
"""


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Run the command line in this process: exit code, standard output, standard error."""
    monkeypatch.delenv("FORESCALE_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", "ab", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


def slices(count, treated_cost, *, noise=0.01):
    return tuple(
        Slice(i, i % 2 == 1, (treated_cost if i % 2 else 1.0) + noise * (i % 5 - 2), 0.0)
        for i in range(count)
    )


def keep(folder, **trials):
    """A configuration, and a ledger that knows these trials."""
    config = load(folder / "forescale.yaml")
    with Ledger.open(config.store.get_secret_value(), create=True) as ledger:
        for name, trial in trials.items():
            ledger.snapshot(name, encode({}).decode(), State(name, time=1.0, trial=trial))


@pytest.fixture
def written(tmp_path):
    def write(dry_run=False):
        (tmp_path / "forescale.yaml").write_text(CONFIG.format(dry_run=str(dry_run).lower()))
        return tmp_path

    return write


def trial(name, found, **fields):
    sums = {"control": Sums(1000, 1, 2000, 10), "treatment": Sums(1000, 2, 1500, 10)}
    return Trial(name, 0.0, slices=found, **(sums | fields))


class TestReport:
    def test_for_people(self, call, written):
        pair = [Slice(i, True, 1.1 + 0.001 * (i % 3), 0.0) for i in range(30)]
        other = [Slice(i, False, 1.0 + 0.001 * (i % 3), 0.0) for i in range(30)]
        keep(
            written(),
            web=trial("tighter", slices(28, 0.75)),
            api=trial("pairs", tuple(pair)),
            db=trial("pairs", tuple(other), ended="its time is over"),
        )
        code, out, err = call("report")
        assert (code, err) == (0, "")
        assert all(len(line) <= 80 for line in out.splitlines())
        web, pairs = (part.splitlines() for part in out.split("\n\n"))
        assert web[0] == "tighter: switchback on web"
        assert web[1] == "28 slices of 3h count, 14 comparisons"
        assert [line.split()[:5] for line in web if line.startswith("cost")] == [
            ["cost,", "×", "demand", "2.00", "1.50"]
        ]
        assert "verdict: better" in web
        assert pairs[0] == "pairs: matched on api and db"
        assert "verdict: worse" in pairs
        assert "ended: its time is over" in pairs

    def test_undecided_says_how_much_longer(self, call, written):
        keep(written(), web=trial("tighter", slices(12, 0.97, noise=0.04)))
        _, out, _ = call("report")
        assert "verdict: undecided" in out
        assert "more comparisons are needed, " in out
        assert out.count("not begun yet: forescale run") == 1

    def test_an_older_experiment_does_not_count(self, call, written):
        keep(written(dry_run=True), web=trial("looser", slices(28, 0.75)))
        _, out, _ = call("report")
        assert out.count("not begun yet") == 2
        assert "dry run: nothing is changed, so nothing is compared" in out

    def test_for_scripts(self, call, written):
        keep(written(), web=trial("tighter", slices(12, 0.97, noise=0.04)))
        code, out, _ = call("report", "--json")
        web, pairs = json.loads(out)["experiments"]
        assert code == 0
        assert (web["name"], web["verdict"], web["comparisons"]) == ("tighter", "undecided", 6)
        assert web["more_seconds"] == web["more"] * 2 * 3 * 3600
        assert web["cost"]["low"] < web["cost"]["effect"] < web["cost"]["high"]
        assert (web["control"]["cost"], web["treatment"]["violations"]) == (2.0, 0.002)
        assert (pairs["comparisons"], pairs["more"], pairs["targets"]) == (0, None, [])

    def test_no_experiment(self, call, tmp_path):
        (tmp_path / "forescale.yaml").write_text("region: eu-west-1\ntargets: {web: {group: web}}\n")
        with Ledger.open(f"sqlite:///{tmp_path / 'forescale.db'}", create=True):
            pass
        code, _, err = call("report")
        assert code == 2
        assert "no target has an experiment" in err
        assert "docs/ab.md" in err


class TestPlan:
    @pytest.fixture
    def trace(self, tmp_path):
        from forescale.sim.generator import daily_load

        path = tmp_path / "load.csv"
        found = daily_load(1, 3 * 1440, start=1_767_571_200.0)
        rows = [f"{found.time(i):.0f},{value:.4f}" for i, value in enumerate(found.load.tolist())]
        path.write_text("\n".join(["time,load", *rows]))
        return path

    def test_for_people(self, call, written, trace):
        written()
        code, out, err = call("plan", "--trace", trace, "--target", "web", "--minimum-effect", "cost=2%")
        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert lines[0] == "To find or rule out, with a power of 80%, tighter needs"
        assert lines[1].endswith("for 2 % of cost")
        assert lines[2].endswith("for 0.5 points of violations")
        assert "The rehearsal, 12 comparisons:" in lines

    def test_for_scripts(self, call, written, trace):
        written()
        options = ("--trace", trace, "--target", "api", "--json", "--power", "95%")
        found = json.loads(call("plan", *options)[1])
        assert found["power"] == 0.95
        plan = found["plan"]
        assert plan["comparisons"] == max(plan["cost"], plan["violations"])
        assert plan["seconds"] == plan["comparisons"] * 3 * 3600  # matched: a slice is a comparison
        less = json.loads(call("plan", *options, "--minimum-effect", "cost=0.1%")[1])
        assert less["plan"]["cost"] > plan["cost"]

    @pytest.mark.parametrize(
        ("options", "code", "says"),
        [
            (["--minimum-effect", "price=3%"], 2, "is not cost=RATIO or violations=RATIO"),
            (["--minimum-effect", "cost=3"], 2, "3 is not a ratio between 0 and 1"),
            (["--power", "0"], 2, "must be between 0 and 100 %"),
            (["--set", "experiment.slice=14h"], 2, "the trace is too short"),
            (["--set", "experiment=null"], 2, "the target has no experiment"),
        ],
    )
    def test_what_cannot_be_planned(self, call, written, trace, options, code, says):
        written()
        found, _, err = call("plan", "--trace", trace, "--target", "web", *options)
        assert found == code
        assert says in " ".join(err.replace("│", " ").split())
