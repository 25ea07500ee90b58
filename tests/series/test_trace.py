"""Traces: the grid, the lines between points, absence, scaling, and what is refused."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.model.errors import TraceError
from forescale.model.sample import Point
from forescale.series.trace import from_points


def points(values, step=60.0, start=0.0):
    return [Point(start + step * i, value) for i, value in enumerate(values)]


def same(trace, expected):
    np.testing.assert_allclose(trace.load, np.array(expected, dtype=float), rtol=1e-12)


def test_minutes_are_taken_as_they_are():
    trace = from_points(points([1, 2, None, 4], start=600.0))
    same(trace, [1, 2, np.nan, 4])
    assert (trace.start, trace.step, trace.points, trace.interpolated) == (600.0, 60.0, 4, False)
    assert (len(trace), trace.absent, trace.notes) == (4, 1, ())
    assert trace.time(3) == 780.0


def test_coarser_points_are_joined_by_lines_and_gaps_stay_gaps():
    trace = from_points(points([0, 3, None, 9, 6], step=180.0))
    nan = np.nan
    same(trace, [0, 1, 2, 3, nan, nan, nan, nan, nan, 9, 8, 7, 6])
    assert trace.interpolated
    assert trace.step == 180.0


def test_a_step_that_is_no_whole_number_of_minutes_is_met_where_it_falls():
    trace = from_points(points([0, 90, 180, 270], step=90.0))
    same(trace, [0, 60, 120, 180, 240])


def test_finer_points_are_averaged_over_those_present():
    trace = from_points(points([1, 2, 3, 4, None, 8, None, None, None, 5, 5, 5], step=20.0))
    same(trace, [2, 6, np.nan, 5])
    assert not trace.interpolated
    assert "averaged" in trace.notes[0]


def test_finer_points_that_start_within_a_minute_belong_to_that_minute():
    trace = from_points(points([1, 2, 3], step=30.0, start=90.0))
    same(trace, [1, 2.5])
    assert trace.start == 60.0


def test_a_missing_row_is_an_absent_minute():
    same(from_points([p for p in points([1, 2, 3, 4, 5]) if p.time != 120.0]), [1, 2, np.nan, 4, 5])


def test_rows_out_of_order_are_sorted_and_said():
    trace = from_points(list(reversed(points([1, 2, 3]))))
    same(trace, [1, 2, 3])
    assert "sorted" in trace.notes[0]


def test_repeated_rows_are_left_out_and_said():
    trace = from_points([*points([1, None, 3]), Point(60.0, None), Point(120.0, 3.0)])
    same(trace, [1, np.nan, 3])
    assert "2 repeated rows left out" in trace.notes


def test_two_values_for_one_time_are_refused():
    with pytest.raises(TraceError, match=r"1970-01-01T00:01:00Z is there twice, with the values 2 and 7"):
        from_points([*points([1, 2, 3]), Point(60.0, 7.0)])


def test_an_irregular_step_is_refused_with_the_place():
    rows = [*points([1, 2, 3]), Point(150.0, 4.0), *points([5, 6], start=240.0)]
    with pytest.raises(
        TraceError, match=r"60 s apart, but 1970-01-01T00:02:30Z follows 1970-01-01T00:02:00Z"
    ):
        from_points(rows)


def test_two_points_in_one_place_are_refused():
    with pytest.raises(TraceError, match=r"00:01:04Z follows 1970-01-01T00:01:00Z"):
        from_points([*points([1, 2, 3, 4, 5]), Point(64.0, 7.0)])


def test_a_little_jitter_is_forgiven_and_said():
    trace = from_points(
        [Point(p.time + (4.0 if p.time == 120.0 else 0.0), p.value) for p in points([1, 2, 3, 4, 5])]
    )
    same(trace, [1, 2, 3, 4, 5])
    assert "1 points were up to 10% of the step off the grid" in trace.notes[0]


def test_one_stray_time_does_not_make_an_immense_trace():
    with pytest.raises(TraceError, match="nearly all of that time is absent"):
        from_points([*points([1, 2, 3]), Point(1.7e9, 4.0)])


@pytest.mark.parametrize(
    "rows", [[], points([5]), points([5]) * 9, points([None, 3, None]), points([None, None])]
)
def test_fewer_than_two_values_are_refused(rows):
    with pytest.raises(TraceError, match="at least two"):
        from_points(rows)


def test_scaling_puts_the_percentile_of_the_present_minutes_at_the_peak():
    rng = np.random.default_rng(7)
    values = [*rng.gamma(2.0, 30.0, 5000).tolist(), None, None]
    scaled = from_points(points(values)).scaled(40)
    assert np.nanpercentile(scaled.load, 99.9) == pytest.approx(40)
    assert scaled.absent == 2
    assert scaled.load[0] / scaled.load[1] == pytest.approx(values[0] / values[1])


def test_a_trace_of_zeros_cannot_be_scaled():
    with pytest.raises(TraceError, match="cannot be scaled"):
        from_points(points([0, 0, 0])).scaled(40)


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=2, max_size=40),
    st.sampled_from([120.0, 300.0, 420.0, 3600.0]),
)
def test_interpolation_keeps_each_point_and_stays_between_neighbours(values, step):
    if sum(v is not None for v in values) < 2:
        return
    load = from_points(points(values, step)).load
    k = int(step // 60)
    assert len(load) == (len(values) - 1) * k + 1
    for i, value in enumerate(values):
        assert np.isnan(load[i * k]) if value is None else load[i * k] == value
    for i, (a, b) in enumerate(pairwise(values)):
        inner = load[i * k + 1 : (i + 1) * k]
        if a is None or b is None:
            assert np.isnan(inner).all()
        else:
            slack = 1e-9 * max(a, b)
            assert (inner >= min(a, b) - slack).all()
            assert (inner <= max(a, b) + slack).all()


def test_a_trace_begins_at_a_plain_number_that_the_ledger_can_hold():
    trace = from_points([Point(90.0, 1.0), Point(150.0, 2.0)])
    assert type(trace.start) is float
    assert type(trace.time(3)) is float
