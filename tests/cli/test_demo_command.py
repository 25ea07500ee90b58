"""`forescale demo`, as a user calls it."""

import json
import sys

import pytest

from forescale.cli import main
from forescale.sim.generator import daily_load

STRATEGIES = {"configured", "target-tracking", "static-peak", "oracle"}


@pytest.fixture
def call(capsys, monkeypatch):
    """Run the command line in this process: exit code, standard output, standard error."""

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", "demo", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def trace(tmp_path):
    """Six hours, in a column whose name looks like markup and like a format."""
    path = tmp_path / "load.csv"
    rows = "".join(f"{60 * i},{x}\n" for i, x in enumerate(daily_load(3, 360).load.tolist()))
    path.write_text(f"time,a[/]b {{0}}[red]\n{rows}")
    return path


@pytest.mark.server
def test_json_is_all_there_is_on_standard_output(call, trace):
    code, out, err = call("--trace", trace, "--hours", 1, "--speed", "max", "--peak-instances", 5, "--json")
    told = json.loads(out, parse_constant=pytest.fail)
    assert (code, err) == (0, "")
    assert set(told["strategies"]) == STRATEGIES
    assert told["strategies"]["oracle"]["cost"] == 1.0
    assert told["replay"] == {"equal": True}


@pytest.mark.server
def test_piped_it_tells_each_decision_in_a_line_and_then_the_summary(call, trace, tmp_path):
    picture = tmp_path / "view.svg"
    code, out, _ = call("--trace", trace, "--hours", 1, "--speed", "max", "--svg", picture)
    assert code == 0
    decisions = [line for line in out.splitlines() if "scale out" in line]
    assert decisions
    assert all("serving" in line for line in decisions)  # the reasons are not wrapped away
    assert "a[/]b {0}[red]: what the group cost" in out
    assert "byte for byte equal when replayed" in out
    assert picture.read_text().startswith("<svg")


@pytest.mark.server
def test_a_picture_that_cannot_be_saved_loses_no_result(call, trace, tmp_path):
    code, out, err = call(
        "--trace", trace, "--hours", 1, "--speed", "max", "--json", "--svg", tmp_path / "no" / "x.svg"
    )
    assert code == 2
    assert set(json.loads(out)["strategies"]) == STRATEGIES
    assert "cannot write" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--speed", "0"], "neither a positive number nor max"),
        (["--speed", "nan"], "neither a positive number nor max"),
        (["--boot-time", "4"], "not a duration"),
        (["--hours", "0"], "greater than or equal to 1"),
        (["--skip", "100d"], "begin earlier with --skip"),
        (["--trace", "nowhere.csv"], "cannot read nowhere.csv"),
    ],
)
def test_wrong_options_are_told_before_anything_is_played(call, options, message):
    code, out, err = call(*options)
    assert (code, out) == (2, "")
    assert message in " ".join(err.replace("│", " ").split())
