"""`forescale backtest`, as a user calls it."""

import csv
import json
import sys
from itertools import pairwise
from math import ceil

import pytest

from forescale.cli import main
from forescale.sim.generator import daily_load

CONFIG = """\
targets:
  web:
    group: web
    guards: {min: 1, max: 60}
"""
MEASURES = {
    "cost",
    "violations",
    "excess",
    "theta_u",
    "theta_o",
    "tau_u",
    "tau_o",
    "instability",
    "actions_per_day",
    "instance_hours",
}


@pytest.fixture
def call(capsys, monkeypatch):
    """Run the command line in this process: exit code, standard output, standard error."""

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", "backtest", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "forescale.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def trace(tmp_path):
    """Two days of load, five minutes apart, with a missing value and a second column."""
    path = tmp_path / "load.csv"
    load = daily_load(5, 2 * 1440).load[::5]
    with path.open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(("time", "requests", "errors"))
        for i, value in enumerate(load):
            rows.writerow((300 * i, "" if i == 400 else round(1000 * value, 3), i % 7))
    return path


def test_json_has_the_measures_of_each_strategy_and_says_what_was_read(call, config, trace):
    code, text, _ = call(config, "--trace", f"{trace}:requests", "--warmup", "12h", "--json")
    assert code == 0
    found = json.loads(text)
    assert list(found["strategies"]) == ["configured", "target-tracking", "static-peak", "oracle"]
    assert all(set(scores) == MEASURES for scores in found["strategies"].values())
    assert found["strategies"]["oracle"]["cost"] == 1.0
    assert found["strategies"]["oracle"]["violations"] == 0.0
    minutes = 575 * 5 + 1
    assert found["strategies"]["static-peak"]["instance_hours"] == pytest.approx(40 * (minutes - 720) / 60)
    about = found["trace"]
    assert about["column"] == "requests"
    assert about["start"] == "1970-01-01T00:00:00Z"
    assert (about["points"], about["step"], about["interpolated"]) == (576, 300.0, True)
    assert (about["minutes"], about["gaps"]) == (minutes, 9)
    assert (about["warmup"], about["scored"]) == (720, minutes - 720)
    assert (about["peak_instances"], about["lead_time"]) == (40, 4)
    assert any("interpolated" in note for note in about["notes"])


def test_warm_up_is_half_of_a_short_trace(call, config, trace):
    _, text, _ = call(config, "--trace", trace, "--json")
    about = json.loads(text)["trace"]
    assert about["warmup"] == about["minutes"] // 2
    assert any("there are also: errors" in note for note in about["notes"])


def test_the_timeline_is_the_run_that_was_scored(call, config, trace, tmp_path):
    out = tmp_path / "timeline.csv"
    _, text, _ = call(
        config, "--trace", trace, "--warmup", "12h", "--lead-time", "2m", "--timeline", out, "--json"
    )
    found = json.loads(text)
    with out.open() as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == ["time", "load", "needed", "serving", "billed", "desired"]
    assert len(rows) == found["trace"]["scored"]
    assert rows[0]["time"] == "1970-01-01T12:00:00Z"
    assert sum(int(row["billed"]) for row in rows) / 60 == pytest.approx(
        found["strategies"]["configured"]["instance_hours"]
    )
    known = [row for row in rows if row["load"]]
    assert len(rows) - len(known) == 9
    assert all(row["needed"] == "" for row in rows if not row["load"])
    assert all(int(row["needed"]) == max(ceil(float(row["load"]) - 1e-9), 1) for row in known)
    missed = sum(float(row["load"]) for row in known if float(row["load"]) > int(row["serving"]))
    share = 100 * missed / sum(float(row["load"]) for row in known)
    assert share == pytest.approx(found["strategies"]["configured"]["violations"])
    for before, after in pairwise(rows):
        assert after["billed"] == before["desired"]  # decided at the end of a minute, billed from the next


def test_people_get_a_table_a_verdict_and_notes(call, config, trace):
    code, text, _ = call(config, "--trace", f"{trace}:requests", "--lead-time", "90s")
    assert code == 0
    assert "configured  target-tracking  static-peak  oracle" in text
    assert "Against target tracking: " in text
    assert "Against a static peak: " in text
    assert "instance-hours fewer" in text
    assert "points every 5m were interpolated" in text
    assert "the lead time was rounded up to 2 minutes" in text
    assert "9 minutes are absent" in text


def test_a_maximum_below_the_peak_is_told(call, tmp_path, trace):
    path = tmp_path / "small.yaml"
    path.write_text(CONFIG.replace("max: 60", "max: 12"))
    _, text, _ = call(path, "--trace", f"{trace}:requests")
    assert "guards.max is 12, but the load needs up to" in text


def test_several_targets_need_a_choice(call, tmp_path, trace):
    path = tmp_path / "two.yaml"
    path.write_text(CONFIG + "  api:\n    group: api\n    guards: {min: 50}\n")
    code, _, err = call(path, "--trace", trace)
    assert code == 2
    assert "several targets" in err
    assert "web, api" in err
    code, _, err = call(path, "--trace", trace, "--target", "apu")
    assert code == 2
    assert "no target 'apu'" in err
    _, text, _ = call(path, "--trace", f"{trace}:requests", "--target", "api", "--json")
    found = json.loads(text)["strategies"]
    assert found["configured"]["cost"] > found["static-peak"]["cost"]


def test_policies_on_other_signals_are_left_out_and_told(call, tmp_path, trace):
    path = tmp_path / "memory.yaml"
    path.write_text(
        CONFIG + "    signals:\n"
        "      cpu: {metric: AWS/EC2 CPUUtilization}\n"
        "      memory: {metric: CWAgent mem_used_percent}\n"
        "    policies:\n"
        "      - {type: target_tracking}\n"
        "      - {type: threshold, signal: memory}\n"
    )
    code, text, err = call(path, "--trace", f"{trace}:requests", "--json")
    assert code == 0, err
    found = json.loads(text)
    assert any("threshold (memory)" in note for note in found["trace"]["notes"])
    hours = {name: scores["instance_hours"] for name, scores in found["strategies"].items()}
    assert hours["configured"] < 1.15 * hours["target-tracking"]  # a blind policy would never let go
    only = path.read_text().replace("      - {type: target_tracking}\n", "")
    path.write_text(only)
    code, _, err = call(path, "--trace", trace)
    assert code == 2
    assert "every policy reads a signal that the trace does not have" in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--trace", "nothere.csv"], "No such file"),
        (["--trace", "{trace}:reqs"], "its columns are: requests, errors"),
        (["--trace", "{trace}", "--lead-time", "4"], "not a duration"),
        (["--trace", "{trace}", "--warmup", "soon"], "not a duration"),
        (["--trace", "{trace}", "--peak-instances", "0"], "peak-instances"),
        (["--trace", "{trace}", "--timeline", "{trace}/x.csv"], "cannot write"),
        ([], "--trace"),
    ],
)
def test_mistakes_are_told_without_a_traceback(call, config, trace, args, message):
    code, _, err = call(config, *(arg.format(trace=trace) for arg in args))
    assert code == 2
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err


def test_a_wrong_configuration_is_told(call, tmp_path, trace):
    path = tmp_path / "wrong.yaml"
    path.write_text(CONFIG.replace("max: 60", "maxx: 60"))
    code, _, err = call(path, "--trace", trace)
    assert code == 2
    assert "maxx" in err


def test_any_key_can_be_set_over_the_file(call, config, trace):
    args = (config, "--trace", f"{trace}:requests", "--json")
    as_written = json.loads(call(*args)[1])["strategies"]
    lean = "policies=[{type: target_tracking, target: 85%}]"
    changed = json.loads(call(*args, "--set", lean, "--set", "guards.min=2")[1])["strategies"]
    assert changed["configured"]["cost"] < as_written["configured"]["cost"]
    assert changed["target-tracking"] == as_written["target-tracking"]


def test_a_mistake_in_what_is_set_names_it(call, config, trace):
    code, _, err = call(config, "--trace", trace, "--set", "guards.max=many")
    assert code == 2
    assert "--set guards.max=many: targets.web.guards.max: read 'many'" in err
    code, _, err = call(config, "--trace", trace, "--budget", "1%")
    assert code == 2
    assert "--budget needs a predictive policy" in err


def test_a_report_is_one_page_that_needs_nothing_else(call, config, trace, tmp_path):
    out = tmp_path / "deep" / "report"
    code, text, err = call(config, "--trace", f"{trace}:requests", "--report", out, "--json")
    assert code == 0
    assert json.loads(text)["strategies"]
    assert str(out / "index.html") in err
    names = {path.name for path in out.iterdir()}
    pictures = {"demand.png", "worst-day.png", "cost.png", "money.png", "strategies.png"}
    assert names == {"index.html"} | pictures
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "points every 5m were interpolated" in page
    assert "//" not in page.replace("data:image/png;base64,", "").partition("<body>")[0]
    assert "http" not in page.split("<body>")[0]
