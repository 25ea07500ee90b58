"""`forescale generate`, as a user calls it."""

import json
import sys

import numpy as np
import pytest

from forescale.cli import main
from forescale.series.trace import from_points
from forescale.sources.trace_csv import read_trace

CONFIG = "targets: {web: {group: web}}\n"


@pytest.fixture
def call(capsys, monkeypatch):
    """Run the command line in this process: exit code, standard output, standard error."""

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


def read(path):
    return from_points(read_trace(str(path)).points)


def test_csv_on_standard_output_says_that_it_is_synthetic(call):
    code, out, err = call("generate", "--days", "1")
    lines = out.splitlines()
    assert code == 0
    assert err == ""
    assert lines[0] == "timestamp_utc,synthetic_load"
    assert lines[1].startswith("2026-01-05T00:00:00Z,")
    assert len(lines) == 1 + 1440


def test_the_same_command_makes_the_same_file_and_another_seed_another(call, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        call("generate", "--days", "2", "--seed", seed, "-o", tmp_path / f"{name}.csv")
    one, same, other = ((tmp_path / f"{name}.csv").read_bytes() for name in "abc")
    assert one == same
    assert one != other


def test_what_is_in_it_is_told(call, tmp_path):
    path = tmp_path / "load.csv"
    command = ("generate", "--days", "14", "--outages", "3", "--outage-kind", "absent", "--shifts", "4")
    code, out, _ = call(*command, "-o", path, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["synthetic"] is True
    assert told["parts"]["outages"] == 3
    outages = [mark for mark in told["marks"] if mark["kind"] == "outage"]
    assert outages
    trace = read(path)
    assert trace.absent > 0
    assert len(trace) == told["minutes"] == 14 * 1440


def test_a_file_is_announced_with_a_picture_of_it(call, tmp_path):
    code, out, err = call("generate", "--days", "7", "-o", tmp_path / "load.csv")
    assert (code, out) == (0, "")
    assert "synthetic, 10,080 minutes from 2026-01-05T00:00:00Z" in err
    assert "█" in err
    assert "bursts" in err


def test_steps_are_means_and_absent_where_a_minute_is(call, tmp_path):
    fine, coarse = tmp_path / "1.csv", tmp_path / "5.csv"
    options = ("--days", "7", "--outages", "9", "--outage-kind", "absent")
    call("generate", *options, "-o", fine)
    call("generate", *options, "--step", "5m", "-o", coarse)
    minutes = np.array([np.nan if p.value is None else p.value for p in read_trace(str(fine)).points])
    steps = np.array([np.nan if p.value is None else p.value for p in read_trace(str(coarse)).points])
    np.testing.assert_allclose(steps, minutes.reshape(-1, 5).mean(axis=1), atol=2e-3)


@pytest.mark.parametrize("name", ["load.csv", "load.csv.gz", "load.parquet"])
def test_a_backtest_reads_it(call, tmp_path, name):
    config, path = tmp_path / "forescale.yaml", tmp_path / name
    config.write_text(CONFIG)
    assert call("generate", "--days", "1", "-o", path)[0] == 0
    code, out, err = call("backtest", config, "--trace", f"{path}:synthetic_load", "--json")
    assert code == 0, err
    assert json.loads(out)["trace"]["minutes"] == 1440


def test_parquet_says_what_it_is(call, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    call("generate", "--days", "1", "--seed", "5", "-o", tmp_path / "load.parquet")
    schema = parquet.read_schema(tmp_path / "load.parquet")
    about = json.loads(schema.metadata[b"forescale"])
    assert about["synthetic"] is True
    assert about["seed"] == 5
    assert str(schema.field("timestamp_utc").type) == "timestamp[ms, tz=UTC]"


def test_it_can_be_drawn(call, tmp_path):
    pytest.importorskip("matplotlib")
    code, _, _ = call(
        "generate", "--days", "3", "--outages", "9", "--shifts", "9",
        "-o", tmp_path / "load.csv", "--plot", tmp_path / "load.png",
    )  # fmt: skip
    assert code == 0
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("-o", "load.txt"), "the name of the file says what is written"),
        (("-o", "nowhere/load.csv"), "there is no directory nowhere"),
        (("--json",), "give --output"),
        (("--step", "90s"), "whole minutes"),
        (("--step", "5"), "is not a duration"),
        (("--start", "soon"), "is not a time"),
        (("--daily", "2"), "daily is a share"),
        (("--days", "0"), "greater than or equal to 0.01"),
    ],
)
def test_mistakes_are_told(call, tmp_path, monkeypatch, args, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = call("generate", *args)
    assert (code, out) == (2, "")
    assert words in " ".join(err.replace("│", " ").split())
