"""Parquet files of recorded load, as pyarrow, pandas and we ourselves write them."""

import datetime as dt
from decimal import Decimal

import pytest

from forescale.model.errors import ConfigError, TraceError
from forescale.model.sample import Point
from forescale.sources.table import write_table
from forescale.sources.trace_csv import read_trace

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

START = 1_767_225_600  # 2026-01-01T00:00:00Z
UTC = [dt.datetime.fromtimestamp(START + 60 * i, dt.UTC) for i in range(3)]


@pytest.fixture
def write(tmp_path):
    """Write a Parquet file of columns: its path."""

    def run(name="load.parquet", **columns):
        pq.write_table(pa.table(columns), tmp_path / name)
        return str(tmp_path / name)

    return run


def test_the_first_column_of_numbers_is_read_and_null_and_nan_are_absence(write):
    path = write(time=UTC, host=["a", "b", "c"], requests=[1.5, None, float("nan")], errors=[1, 2, 3])
    column = read_trace(path)
    assert column.name == "requests"
    assert column.others == ("host", "errors")
    assert column.points == (Point(START, 1.5), Point(START + 60.0, None), Point(START + 120.0, None))


def test_a_column_can_be_named(write):
    assert [p.value for p in read_trace(write(time=UTC, a=[1, 2, 3], b=[4, 5, 6]) + ":b").points] == [4, 5, 6]


@pytest.mark.parametrize(
    "times",
    [
        pa.array([START * 1000, (START + 60) * 1000], pa.timestamp("ms")),
        pa.array([START * 10**9, (START + 60) * 10**9], pa.timestamp("ns", tz="UTC")),
        pa.array([START * 10**6, (START + 60) * 10**6], pa.timestamp("us", tz="America/New_York")),
        pa.array([START, START + 60]),
        pa.array([START * 1000.0, (START + 60) * 1000.0]),
        pa.array(["2026-01-01T00:00:00Z", "2026-01-01 01:01:00+01:00"]),
        pa.array(["2026-01-01T00:00:00Z", "2026-01-01 00:01"]).dictionary_encode(),
    ],
    ids=["no-zone", "ns", "zone", "seconds", "milliseconds", "text", "dictionary"],
)
def test_times_of_every_kind(write, times):
    assert [p.time for p in read_trace(write(t=times, v=[1, 2])).points] == [START, START + 60]


def test_days(write):
    days = [dt.date(2026, 1, 1), dt.date(2026, 1, 2)]
    assert [p.time for p in read_trace(write(t=days, v=[1, 2])).points] == [START, START + 86400]


def test_decimals_are_numbers(write):
    values = [Decimal("1.50"), Decimal("2.25"), None]
    assert [p.value for p in read_trace(write(t=UTC, v=values)).points] == [1.5, 2.25, None]


def test_the_index_of_a_data_frame_is_the_time(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"rps": [1.0, 2.0, 3.0]}, index=pandas.DatetimeIndex(UTC))
    frame.to_parquet(tmp_path / "frame.parquet")
    column = read_trace(f"{tmp_path}/frame.parquet")
    assert (column.name, column.others) == ("rps", ())
    assert column.points[1] == Point(START + 60.0, 2.0)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_what_we_write_we_read(tmp_path, name):
    times = [START + 60.0 * i for i in range(4)]
    values = [0.1 + 0.2, None, float("nan"), 1e-9]
    write_table(tmp_path / name, times, {"a": [1.0] * 4, "demand": values}, {"synthetic": False})
    assert read_trace(f"{tmp_path}/{name}:demand").points == tuple(
        Point(time, None if value is None or value != value else pytest.approx(value, rel=1e-14))
        for time, value in zip(times, values, strict=True)
    )


@pytest.mark.parametrize(
    ("columns", "spec", "words"),
    [
        ({"t": UTC, "v": [1, 2, 3]}, ":w", "no column 'w'"),
        ({"t": UTC}, "", "one column, 't'"),
        ({"t": UTC, "v": ["a", "b", "c"]}, "", "no column of numbers"),
        ({"t": UTC, "v": ["a", "b", "c"]}, ":v", r"row 1: v is 'a', not a number"),
        ({"t": UTC, "v": [1, -2, 3]}, "", r"row 2: v is -2, negative"),
        ({"t": UTC, "v": [1, 2, float("inf")]}, "", r"row 3: v is inf, not a number"),
        ({"t": UTC, "v": [True, False, True]}, ":v", r"not a number"),
        ({"t": ["x", "y", "z"], "v": [1, 2, 3]}, "", r"row 1: t is 'x', which is not a time"),
        ({"t": [UTC[0], None, UTC[2]], "v": [1, 2, 3]}, "", r"row 2: t is None, which is not a time"),
        ({"t": pa.array([], pa.timestamp("s")), "v": pa.array([], pa.float64())}, "", "but no rows"),
    ],
)
def test_what_cannot_be_used_is_told(write, columns, spec, words):
    with pytest.raises(TraceError, match=words):
        read_trace(write(**columns) + spec)


def test_another_file_with_that_name(tmp_path):
    (tmp_path / "load.parquet").write_text("t,v\n0,1\n")
    with pytest.raises(TraceError, match="is not a Parquet file"):
        read_trace(f"{tmp_path}/load.parquet")
    with pytest.raises(TraceError, match="cannot read"):
        read_trace(f"{tmp_path}/none.parquet:v")


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    (tmp_path / "load.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match="pyarrow") as caught:
        read_trace(f"{tmp_path}/load.parquet")
    assert "forescale[parquet]" in caught.value.hint
