"""Demand by the minute, whatever order it comes in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forescale.model.sample import Load
from forescale.runtime.forecasting_demand import MINUTE, Demand

START = 1_767_225_600.0
FAR = START + 1e9


def heard(*loads, period=60.0, now=FAR, keep=1000):
    demand = Demand(keep)
    demand.hear(tuple(loads), period, now)
    return demand


def at(minute, value=1.0, serving=2.0):
    return Load(START + minute * MINUTE, value, serving)


def values(demand):
    return [None if np.isnan(v) else v for v in demand.series().values.tolist()]


def test_minutes_in_their_place_with_holes_between():
    demand = heard(at(0, 1.0), at(3, 4.0), at(1, None))
    assert values(demand) == [1.0, None, None, 4.0]
    assert (demand.series().start, demand.end, demand.known) == (START, START + 240, 2)


def test_a_correction_replaces_and_silence_takes_nothing_away():
    demand = heard(at(0, 1.0), at(1, 2.0))
    demand.hear((at(0, 5.0), at(1, None)), 60.0, FAR)
    assert values(demand) == [5.0, 2.0]


def test_what_is_late_goes_before_what_was_there():
    demand = heard(at(5, 5.0))
    demand.hear((at(3, 3.0),), 60.0, FAR)
    assert values(demand) == [3.0, None, 5.0]


def test_a_bucket_counts_once_it_is_complete():
    demand, loads = Demand(1000), (at(0, 1.0), at(1, 2.0))
    demand.hear(loads, 60.0, START + 90)
    assert values(demand) == [1.0]
    demand.hear(loads, 60.0, START + 120)
    assert values(demand) == [1.0, 2.0]


def test_a_wide_bucket_counts_for_each_of_its_minutes():
    assert values(heard(at(0, 7.0), period=300.0)) == [7.0] * 5


def test_narrow_buckets_count_by_their_mean_once_the_minute_is_over():
    loads = [Load(START + 10 * i, float(i), 2.0) for i in range(9)]
    assert values(heard(*loads, period=10.0, now=START + 90)) == [2.5]


def test_a_minute_that_has_lost_its_first_buckets_is_left_out():
    loads = [Load(START + 10 * i, float(i), 2.0) for i in range(3, 12)]
    assert values(heard(*loads, period=10.0)) == [8.5]


def test_nothing_is_zero_serving():
    assert np.isnan(heard(at(0, 1.0, serving=0.0)).serving()).all()


def test_a_past_goes_beneath_what_is_known():
    demand = heard(at(10, 10.0), at(12, 12.0))
    times = START + MINUTE * np.arange(9.0, 14.0)
    demand.fill(times, np.arange(5.0), np.ones(5), MINUTE)
    assert values(demand) == [0.0, 10.0, 2.0, 12.0, 4.0]
    assert demand.serving().tolist() == [1.0, 2.0, 1.0, 2.0, 1.0]


def test_a_past_of_wide_buckets_and_of_nothing():
    demand = Demand(1000)
    demand.fill(np.array([START, START + 300]), np.array([1.0, np.nan]), np.array([1.0, 1.0]), 300.0)
    assert values(demand) == [1.0] * 5
    demand.fill(np.empty(0), np.empty(0), np.empty(0), 60.0)
    demand.fill(np.array([START]), np.array([np.nan]), np.array([np.nan]), 60.0)
    assert len(demand) == 5


def test_what_is_kept_is_bounded():
    demand = heard(*(at(i, float(i)) for i in range(20)), keep=5)
    assert values(demand) == [15.0, 16.0, 17.0, 18.0, 19.0]
    demand.hear((at(2, 99.0),), 60.0, FAR)
    assert values(demand)[0] == 15.0
    demand.hear((at(1_000_000, 1.0),), 60.0, FAR)
    assert values(demand) == [1.0]


def test_a_clock_that_is_put_back_takes_what_lies_ahead():
    demand = heard(*(at(i, float(i)) for i in range(5)))
    demand.cut_off(START + 130)
    assert values(demand) == [0.0, 1.0]
    demand.cut_off(START - 1e6)
    assert values(demand) == []
    demand.hear((at(-9000, 3.0),), 60.0, START)
    assert values(demand) == [3.0]


def test_a_series_does_not_change_with_what_comes_later():
    demand = heard(at(0, 1.0))
    series = demand.series()
    demand.hear((at(0, 2.0),), 60.0, FAR)
    assert series.values.tolist() == [1.0]


_BUCKETS = st.lists(st.tuples(st.integers(-50, 400), st.floats(0, 100)), max_size=60)


@given(_BUCKETS, st.integers(1, 400))
def test_in_any_order_and_in_any_pieces_it_comes_to_the_same(buckets, split):
    once = dict(buckets)
    loads = [at(minute, value) for minute, value in sorted(once.items())]
    whole, pieces = heard(*loads), Demand(1000)
    for part in (loads[split:], loads[:split], loads):
        pieces.hear(tuple(part), 60.0, FAR)
    assert values(whole) == values(pieces)
    assert whole.series().start == pieces.series().start
    first = round((whole.series().start - START) / MINUTE)
    assert {first + i: v for i, v in enumerate(values(whole)) if v is not None} == once


@given(_BUCKETS, _BUCKETS, st.integers(1, 60))
def test_it_never_fails_and_never_grows_beyond_what_it_keeps(first, second, keep):
    demand = Demand(keep)
    for part in (first, second):
        demand.hear(tuple(at(minute, value) for minute, value in part), 60.0, START + 200 * MINUTE)
        times = np.array([START + MINUTE * minute for minute, _ in part])
        demand.fill(times, np.array([v for _, v in part]), np.ones(len(part)), 60.0)
        demand.cut_off(START + 300 * MINUTE)
        assert len(demand) == len(demand.serving()) == len(demand.series()) <= keep
