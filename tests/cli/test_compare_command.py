"""`forescale compare`, as a user and a CI job call it."""

import csv
import json
import sys

import pytest

from forescale.cli import main
from forescale.sim.generator import daily_load

CONFIG = """\
targets:
  web:
    group: web
    policies: [{type: target_tracking, target: 60%}]
"""


@pytest.fixture
def call(capsys, monkeypatch):
    """Run the command line in this process: exit code, standard output, standard error."""

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", "compare", *map(str, args), "--jobs", "1"])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def files(tmp_path):
    """Two configurations, the second dearer; and a load of three days."""
    (tmp_path / "now.yaml").write_text(CONFIG)
    (tmp_path / "dear.yaml").write_text(CONFIG.replace("60%", "40%"))
    with (tmp_path / "load.csv").open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(("time", "requests"))
        rows.writerows((60 * i, round(1000 * x, 3)) for i, x in enumerate(daily_load(5, 3 * 1440).load))
    return tmp_path


def test_the_json_has_every_strategy_and_how_it_differs(call, files):
    args = (files / "now.yaml", files / "dear.yaml", "hpa", "--trace", files / "load.csv")
    code, text, _ = call(*args, "--warmup", "1d", "--json")
    assert code == 0  # nobody asked to fail
    found = json.loads(text)
    (one,) = found["traces"]
    assert list(one["strategies"]) == ["now", "dear", "hpa", "oracle"]
    assert set(one["against_first"]) == {"dear", "hpa"}
    dear = one["against_first"]["dear"]
    assert 30 < dear["difference"]["cost"]["low"] < dear["difference"]["cost"]["high"] < 70
    assert dear["difference"]["violations"]["value"] <= 0
    assert dear["worse"] == ["dearer"]
    assert found["worse"] == ["dear"]
    assert (one["trace"]["scored"], one["trace"]["warmup"]) == (2 * 1440, 1440)
    assert "frontier" not in one
    assert json.loads(call(*args, "--warmup", "1d", "--json")[1]) == found


def test_people_get_a_table_within_80_columns(call, files):
    names = ("target-tracking", "aws-predictive", "static-peak", "hpa:70%")
    _, text, _ = call(files / "now.yaml", *names, "--trace", files / "load.csv")
    assert all(name in text for name in ("now", *names, "oracle"))
    assert all(len(line) <= 80 for line in text.splitlines() if "[" in line)
    assert "95 % confidence intervals" in text


def test_ci_fails_where_a_later_file_is_worse_and_says_which(call, files):
    now, dear, trace = files / "now.yaml", files / "dear.yaml", files / "load.csv"
    code, _, err = call(now, dear, "--trace", trace, "--fail-if", "worse")
    assert code == 1
    assert "worse than now: dear" in err
    code, _, _ = call(now, now.parent / "now.yaml", "--trace", trace)
    assert code == 2  # the same twice
    same = files / "same.yaml"
    same.write_text(CONFIG)
    code, _, err = call(now, same, "--trace", trace, "--fail-if", "worse")
    assert (code, err) == (0, "")


def test_a_baseline_that_is_worse_fails_nothing(call, files):
    args = (files / "now.yaml", "static-peak", "--trace", files / "load.csv")
    code, _, err = call(*args, "--fail-if", "worse")
    assert code == 2
    assert "no file comes after the first" in " ".join(err.replace("│", " ").split())
    code, _, _ = call(files / "now.yaml", "hpa:95%", files / "dear.yaml", *args[2:], "--fail-if", "worse")
    assert code == 1


def test_keys_can_be_set_for_all_files(call, files):
    args = (files / "now.yaml", files / "dear.yaml", "--trace", files / "load.csv", "--json")
    _, text, _ = call(*args, "--set", "policies[0].target=70%")
    scores = json.loads(text)["traces"][0]["strategies"]
    assert scores["now"] == scores["dear"]


def test_several_traces_are_compared_one_after_the_other(call, files):
    trace = files / "load.csv"
    _, text, _ = call(files / "now.yaml", "hpa", "--trace", trace, "--trace", f"{trace}:requests", "--json")
    first, second = json.loads(text)["traces"]
    assert first["strategies"] == second["strategies"]


def test_a_report_has_the_frontier(call, files):
    code, text, err = call(
        files / "now.yaml", "hpa", "--trace", files / "load.csv", "--report", files / "out", "--json"
    )
    assert code == 0, err
    assert str(files / "out" / "index.html") in err
    curves = json.loads(text)["traces"][0]["frontier"]
    assert [curve["name"] for curve in curves] == ["target-tracking", "now"]
    assert curves[0]["points"][0]["label"] == "40%"
    page = (files / "out" / "index.html").read_text()
    assert "The frontier" in page
    assert (files / "out" / "strategies.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["hpb"], "'hpb' is neither a file nor a baseline"),
        (["nothere.yaml"], "there is no file nothere.yaml"),
        (["hpa:170%"], "'hpa:170%' has no target utilisation"),
        (["hpa", "hpa"], "named twice"),
        (["{now}", "--set", "guards.maxi=3"], "unknown key 'maxi'"),
        (["{now}", "--budget", "1%"], "--budget needs a predictive policy"),
        (["{now}", "--report", "{now}"], "the report cannot be written"),
        (["{now}", "--fail-if", "better"], "worse"),
        ([], "Missing argument"),
    ],
)
def test_mistakes_are_told_without_a_traceback(call, files, args, message):
    where = {"now": files / "now.yaml"}
    code, _, err = call(*(arg.format(**where) for arg in args), "--trace", files / "load.csv")
    assert code == 2
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
