"""`forescale forecast evaluate`, as a user calls it."""

import csv
import json
import sys

import numpy as np
import pytest

from forescale.cli import main

DAY = 1440


@pytest.fixture
def call(capsys, monkeypatch):
    """Run the command line in this process: exit code, standard output, standard error."""

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", "forecast", "evaluate", *map(str, args)])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def trace(tmp_path):
    """Four days of minutes, a column that leads it, and one of words."""
    path = tmp_path / "load.csv"
    rng = np.random.default_rng(3)
    orders = np.repeat(rng.exponential(10, size=4 * DAY // 10), 10)
    load = 20 + np.roll(orders, 5)
    with path.open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(("time", "load", "orders", "mood"))
        rows.writerows((60 * i, *pair, "calm") for i, pair in enumerate(zip(load, orders, strict=True)))
    return path


QUICK = ("--models", "persistence,ridge", "--warmup", "2d")


def test_a_table_of_scores(call, trace):
    code, out, _ = call("--trace", f"{trace}:load", *QUICK)
    assert code == 0
    lines = out.splitlines()
    assert "load: the maximum of the next 5m, forecast from 2,876 minutes, after 2d of warm-up." in lines
    (head,) = [line for line in lines if line.startswith("model")]
    assert "WAPE" in head
    assert "pinball" in head
    rows = {
        line.split()[0]: line.split()[1:] for line in lines if line.startswith(("ridge ", "persistence "))
    }
    assert len(rows["ridge"]) == 8
    losses = [float(row[1]) for row in rows.values()]
    assert losses == sorted(losses)  # the best first
    assert all(len(line) <= 80 for line in lines if not line.startswith("load:"))


def test_json_for_scripts(call, trace):
    code, out, err = call("--trace", f"{trace}:load", *QUICK, "--horizon", "10m", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert list(document["models"]) == ["persistence", "ridge"]
    ridge = document["models"]["ridge"]
    assert 0 < ridge["wape"] < 1
    assert 0.8 < ridge["coverage_90"] <= 1
    assert 0.9 < ridge["coverage_99"] <= 1
    assert -1 < ridge["skill_persistence"] < 1
    assert ridge["fit_seconds"] > 0
    assert ridge["predict_seconds"] > 0
    about = document["trace"]
    assert (about["column"], about["horizon"], about["refit"], about["warmup"]) == ("load", 10, DAY, 2 * DAY)


def test_further_columns_help(call, trace):
    alone, led = (
        json.loads(call("--trace", f"{trace}:load", *QUICK, *more, "--json")[1])["models"]["ridge"]["wape"]
        for more in ((), ("--exog", "orders"))
    )
    assert led < 0.8 * alone


def test_a_further_column_may_be_negative_as_a_temperature_is(call, tmp_path):
    path = tmp_path / "cold.csv"
    path.write_text(
        "time,load,celsius\n" + "".join(f"{60 * i},{i % 60},{i % 60 - 30}\n" for i in range(2 * DAY))
    )
    assert call("--trace", f"{path}:load", *QUICK, "--exog", "celsius")[0] == 0
    code, _, err = call("--trace", f"{path}:celsius", *QUICK)
    assert (code, "negative: a load cannot be" in err) == (2, True)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--models", "ridg"), 2, ("no forecaster 'ridg'", "ridge")),
        (("--exog", "heat"), 2, ("no column 'heat'", "orders")),
        (("--exog", "load"), 2, ("the load itself", "orders")),
        (("--exog", "mood"), 2, ("mood is 'calm'", "not a number")),
        (("--horizon", "soon"), 2, ("--horizon",)),
        (("--horizon", "0s"), 2, ("a minute at least",)),
        (("--refit", "0s"), 2, ("a minute at least",)),
        (("--models", ","), 2, ("name one",)),
        (("--horizon", "9d"), 2, ("too short",)),
    ],
)
def test_what_is_wrong_is_said(call, trace, args, code, words):
    stopped, out, err = call("--trace", f"{trace}:load", *QUICK, *args)
    assert stopped == code
    assert out == ""
    assert all(word in " ".join(err.split()) for word in words)


def test_a_model_whose_library_is_missing_is_listed_with_what_to_install(call, trace, monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    code, out, _ = call("--trace", f"{trace}:load", "--models", "xgboost,persistence", "--warmup", "2d")
    assert code == 0
    assert "xgboost skipped: pip install 'forescale[xgboost]' is needed" in out


def test_what_was_done_to_the_trace_is_noted(call, tmp_path):
    path = tmp_path / "coarse.csv"
    rows = "".join(f"{300 * i},{i % 12 + 5},1\n" for i in range(4 * 288))
    path.write_text("time,load,other\n" + rows)
    _, out, _ = call("--trace", path, *QUICK)
    assert "note: points every 5m were interpolated to minutes" in out
    assert "note: the column is load; there are also: other" in out


def test_the_group_says_what_is_below_it(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["forescale", "forecast", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert "evaluate" in capsys.readouterr().out
