"""A regular series: what counts as a value, cutting, and appending what is new."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.series.regular import Series, as_series
from forescale.series.trace import Trace

NAN = np.nan


def same(series, values):
    assert np.array_equal(series.values, np.array(values, dtype=float), equal_nan=True)


@pytest.mark.parametrize(
    "data", [[1, None, 3], (1.0, NAN, 3.0), np.array([1, NAN, 3]), [1, np.inf, 3], [1, -1e300, 3]]
)
def test_what_is_no_measurement_is_absent(data):
    series = as_series(data)
    same(series, [1, NAN, 3])
    assert (series.start, series.step, series.known, len(series)) == (0.0, 60.0, 2, 3)


def test_a_trace_keeps_its_time():
    series = as_series(Trace(600.0, np.array([1.0, 2.0])))
    assert (series.start, series.end) == (600.0, 720.0)


def test_a_series_stays_itself():
    series = Series(0.0, np.array([1.0]))
    assert as_series(series) is series


@pytest.mark.parametrize("data", [[[1.0], [2.0]], 5.0])
def test_other_dimensions_are_refused(data):
    with pytest.raises(ValueError, match="one dimension"):
        as_series(data)


def test_a_column_of_another_length_is_refused():
    with pytest.raises(ValueError, match="heat has 1 values, the series 2"):
        Series(0.0, np.array([1.0, 2.0]), extras={"heat": np.array([1.0])})


def test_a_part_has_the_time_it_had():
    series = Series(600.0, np.arange(5.0), extras={"heat": np.arange(5.0) * 10})
    part = series.cut(2, 4)
    same(part, [2, 3])
    assert part.start == 720.0
    assert part.extras["heat"].tolist() == [20, 30]
    assert series.tail(2).start == 780.0
    same(series.tail(9), range(5))


@pytest.mark.parametrize(
    ("start", "new", "then"),
    [
        (180.0, [4, 5], [1, 2, 3, 4, 5]),  # where it ends
        (300.0, [6], [1, 2, 3, NAN, NAN, 6]),  # with a gap
        (120.0, [9, 4], [1, 2, 3, 4]),  # over it: what is known stays
        (0.0, [9, 9], [1, 2, 3]),  # nothing new
        (-600.0, [9], [1, 2, 3]),  # long ago
        (-60.0, [9, 9, 9], [1, 2, 3]),  # from before the start on
    ],
)
def test_only_what_is_new_is_appended(start, new, then):
    same(Series(0.0, np.array([1.0, 2.0, 3.0])).extended(Series(start, np.array(new, dtype=float))), then)


def test_what_comes_late_is_filled_in():
    series = Series(0.0, np.array([1.0, NAN, NAN, 4.0]))
    same(series.extended(Series(60.0, np.array([2.0, NAN, 9.0, 5.0]))), [1, 2, NAN, 4, 5])


def test_a_column_that_the_new_steps_lack_is_absent_there():
    series = Series(0.0, np.array([1.0]), extras={"heat": np.array([5.0])})
    longer = series.extended(Series(60.0, np.array([2.0])))
    assert np.array_equal(longer.extras["heat"], [5.0, NAN], equal_nan=True)


def test_another_step_cannot_be_appended():
    with pytest.raises(ValueError, match="300 s"):
        Series(0.0, np.array([1.0])).extended(Series(60.0, np.array([1.0]), step=300.0))


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.data())
def test_parts_put_together_are_the_whole(values, data):
    whole = as_series(values)
    split = data.draw(st.integers(0, len(values)))
    overlap = data.draw(st.integers(0, split))
    again = whole.cut(0, split).extended(whole.cut(split - overlap, len(values)))
    same(again, values)
