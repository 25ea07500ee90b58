"""Features of what comes again: how old a burst is, when the next is due, and never a look ahead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.forecast.recurrence import LONGEST, recurring
from forescale.series.regular import Series

HOUR, HORIZON = 60, 5


def hourly(hours=60, minute=17, height=30.0):
    """A load of 10 with a burst of four minutes in each hour."""
    values = np.full(hours * HOUR, 10.0)
    for hour in range(hours):
        values[hour * HOUR + minute : hour * HOUR + minute + 4] = height
    return values


def columns(values, origins):
    """By name, for a scale of 1 and relative to nothing."""
    origins = np.array(origins)
    last, scale = np.zeros(len(origins)), np.ones(len(origins))
    return dict(recurring(Series(0.0, values), origins, HORIZON, last, scale))


def test_the_age_of_a_burst_and_when_the_next_is_due():
    at = 50 * HOUR + 17
    found = columns(hourly(), [at + 5, at + 30, at + 59])
    for factor in ("1.15", "1.5"):
        age = found[f"burst_age_{factor}"]
        assert np.diff(age).tolist() == [25, 29]
        assert 4 <= age[0] <= 5
        assert found[f"burst_interval_{factor}"].tolist() == [60] * 3
        assert found[f"burst_due_{factor}"].tolist() == (60 - age).tolist()
        assert found[f"burst_peak_{factor}"].tolist() == [30.0] * 3


def test_without_bursts_the_last_is_long_ago():
    found = columns(np.full(3000, 7.0), [2000, 3000])
    assert found["burst_age_1.5"].tolist() == [LONGEST] * 2
    assert np.all(np.isnan(found["burst_peak_1.5"]))


def test_a_profile_knows_what_follows_at_this_time_of_the_hour():
    """Just before the burst its height is expected, half an hour later none."""
    at = 50 * HOUR + 14
    found = columns(hourly(), [at, at + 30])
    before, after = found["profile_3600_24"]
    assert before == pytest.approx(30, abs=4)
    assert after == pytest.approx(10, abs=4)


@settings(max_examples=30, deadline=None)
@given(st.integers(700, 3500), st.sampled_from([0.0, 4.0, np.nan]), st.integers(0, 4))
def test_the_future_is_not_seen(at, factor, seed):
    values = hourly() + np.random.default_rng(seed).normal(0, 0.5, 60 * HOUR)
    other = values.copy()
    other[at:] *= factor
    origins = [at - 300, at - 1, at]
    one, two = columns(values, origins), columns(other, origins)
    assert one.keys() == two.keys()
    for name, column in one.items():
        assert np.array_equal(column, two[name], equal_nan=True), name


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1.0, 50.0, 1e9, np.nan]), min_size=1, max_size=80),
    st.sampled_from([1, 5, 11]),
)
def test_nonsense_gives_columns_of_the_right_length(values, horizon):
    origins = np.array(sorted({1, max(len(values) // 2, 1), len(values)}))
    zero, one = np.zeros(len(origins)), np.ones(len(origins))
    for name, column in recurring(Series(0.0, np.array(values)), origins, horizon, zero, one):
        assert column.shape == origins.shape, name
        assert not np.any(np.isinf(column)), name
