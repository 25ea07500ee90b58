"""Writing columns to files, and reading a long history in pieces."""

import gzip
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.model.errors import ConfigError, TraceError
from forescale.sources.history import windows
from forescale.sources.table import check_path, iso, write_table

START = 1_767_225_600.0


def test_csv_is_the_time_then_each_column_with_absence_left_empty(tmp_path, capsys):
    columns = {"a": [1.0, None, 0.1], "b, c": [float("nan"), 1e21, 0.0]}
    expected = (
        'timestamp_utc,a,"b, c"\n'
        "2026-01-01T00:00:00Z,1,\n"
        "2026-01-01T00:01:00Z,,1e+21\n"
        "2026-01-01T00:02:00Z,0.1,0\n"
    )
    times = [START, START + 60, START + 120]
    write_table(tmp_path / "t.csv", times, columns, {})
    write_table(tmp_path / "t.csv.gz", times, columns, {})
    write_table(None, times, columns, {})
    assert (tmp_path / "t.csv").read_text() == expected
    assert gzip.decompress((tmp_path / "t.csv.gz").read_bytes()).decode() == expected
    assert capsys.readouterr().out == expected


def test_times_are_to_the_second_or_finer_where_they_are():
    assert iso(START) == "2026-01-01T00:00:00Z"
    assert iso(START + 0.25) == "2026-01-01T00:00:00.250Z"


@pytest.mark.parametrize("name", ["load.json", "load", "csv", "load.gz"])
def test_another_kind_of_name_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=r"\.csv, \.csv\.gz or \.parquet") as caught:
        check_path(tmp_path / name)
    assert ".csv" in caught.value.hint


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_a_place_that_cannot_be_written_is_told(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(TraceError, match="cannot write"):
        write_table(tmp_path / name, [START], {"a": [1.0]}, {})


def test_columns_of_another_length_are_a_mistake(tmp_path):
    with pytest.raises(ValueError):
        write_table(tmp_path / "t.csv", [START], {"a": [1.0, 2.0]}, {})


@given(st.integers(0, 10**6), st.integers(0, 5000), st.sampled_from([60.0, 300.0]), st.integers(1, 700))
def test_windows_cover_the_span_once_and_none_is_too_long(first, steps, step, most):
    start, end = first * step, (first + steps) * step
    pieces = list(windows(start, end, step, most))
    covered = [start + step * i for i in range(steps)]
    assert [t for a, b in pieces for t in covered if a <= t < b] == covered
    assert all(0 < b - a <= most * step for a, b in pieces)
    assert all(one[1] == other[0] for one, other in pairwise(pieces))
