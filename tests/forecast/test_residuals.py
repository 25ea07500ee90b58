"""Quantiles out of past errors cover what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.forecast import forecaster
from forescale.forecast.base import LEVELS
from forescale.forecast.residuals import error_quantiles, sampled
from forescale.forecast.windows import realised
from forescale.series.regular import Series


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=200))
def test_at_least_the_stated_share_of_errors_lies_below_each_quantile(errors):
    quantiles = error_quantiles(np.array(errors))
    assert np.all(np.diff(quantiles) >= 0)
    for level, quantile in zip(LEVELS, quantiles, strict=True):
        if level >= 0.5:
            assert np.mean(np.array(errors) <= quantile) >= min(level, 1.0)


def test_new_errors_are_covered_as_stated_whatever_their_distribution():
    rng = np.random.default_rng(4)
    below = np.zeros(len(LEVELS))
    for _ in range(400):
        draws = rng.exponential(size=200) ** 2
        below += draws[-1] <= error_quantiles(draws[:-1])
    for level, share in zip(LEVELS, below / 400, strict=True):
        assert share == pytest.approx(level, abs=0.07)


@pytest.mark.parametrize("name", ["persistence", "recent_max", "seasonal_naive", "ridge", "arima"])
def test_outcomes_after_the_fit_are_covered(name):
    rng = np.random.default_rng(6)
    minute = np.arange(10 * 1440)
    load = 100 + 30 * np.sin(2 * np.pi * minute / 1440) + 5 * rng.standard_t(4, size=len(minute))
    series = Series(0.0, load)
    origins = np.arange(7 * 1440, 10 * 1440 - 5)
    rows = forecaster(name).fit(series.cut(0, 7 * 1440)).rolling(series, origins, 5)
    outcome = realised(series.values, origins, 5)
    for nominal in (0.9, 0.99):
        assert np.mean(outcome <= rows[:, LEVELS.index(nominal)]) == pytest.approx(nominal, abs=0.03)


def test_a_sample_is_bounded_ascending_and_always_the_same():
    origins = np.arange(100_000)
    few = sampled(origins, 5000)
    assert len(few) == len(set(few.tolist())) == 5000
    assert np.all(np.diff(few) > 0)
    assert np.array_equal(few, sampled(origins, 5000))
    assert set((few % 5).tolist()) == {0, 1, 2, 3, 4}  # no stride that meets the same phase only
    assert np.array_equal(sampled(origins[:10], 5000), origins[:10])
