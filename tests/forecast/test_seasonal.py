"""Periods are learned, and what recurs is met before it comes."""

import numpy as np
import pytest

from forescale.forecast import SeasonalFloorForecaster, SeasonalNaiveForecaster
from forescale.forecast.base import LEVELS, MEDIAN
from forescale.forecast.periods import learned_period
from forescale.forecast.windows import realised
from forescale.series.regular import Series

DAY = 1440
MINUTE = np.arange(20 * DAY)
NOISE = np.random.default_rng(3).normal(size=len(MINUTE))


def hourly(width=4):
    return 20 + 30 * np.less(MINUTE % 60, width) + NOISE


@pytest.mark.parametrize(
    ("load", "period"),
    [
        (hourly(), 60),
        (50 + 20 * np.sin(2 * np.pi * MINUTE / DAY) + NOISE, DAY),
        (50 + 20 * np.sin(2 * np.pi * MINUTE / (7 * DAY)) * (MINUTE % DAY < 700) + NOISE, 7 * DAY),
        (50 + 10 * (MINUTE % 30 < 4) + NOISE, 30),
        (50 + 5 * NOISE, DAY),  # nothing recurs
        (100 + np.cumsum(NOISE) * 0.1, DAY),  # resembles itself at every short distance
        (np.full(20 * DAY, 7.0), DAY),
    ],
    ids=["hourly", "daily", "weekly", "half-hourly", "noise", "walk", "constant"],
)
def test_the_period_is_learned(load, period):
    assert learned_period(Series(0.0, load)) == period


def test_the_period_survives_gaps_and_another_step():
    load = hourly()
    load[::50] = np.nan
    assert learned_period(Series(0.0, load)) == 60
    daily = 50 + 20 * np.sin(2 * np.pi * MINUTE[::5] / DAY)
    assert learned_period(Series(0.0, daily, step=300.0)) == 288


def test_the_naive_model_says_what_came_one_period_ago():
    series = Series(0.0, hourly())
    model = SeasonalNaiveForecaster().fit(series)
    assert model.period == 60
    now = len(series)
    then = series.values[now - 60 : now - 55].max()
    median = model.predict().quantiles[MEDIAN][1]
    assert median == pytest.approx(then, rel=0.1)
    assert model.predict().path == pytest.approx(series.values[now - 60 : now - 55])


def test_an_absent_period_is_passed_over_for_the_one_before():
    values = hourly()
    values[-60:-50] = np.nan
    path = SeasonalNaiveForecaster().fit(Series(0.0, values)).predict().path
    assert path == pytest.approx(values[-120:-115])


def test_a_horizon_longer_than_the_period_takes_whole_periods():
    path = SeasonalNaiveForecaster().fit(Series(0.0, hourly()), horizon=90).predict().path
    assert path == pytest.approx(hourly()[-120:-30])


@pytest.mark.parametrize("model", [SeasonalNaiveForecaster, SeasonalFloorForecaster])
def test_a_burst_every_hour_is_met_before_it_comes(model):
    series = Series(0.0, hourly())
    origins = np.arange(15 * DAY, 20 * DAY - 5)
    rows = model().fit(series.cut(0, 15 * DAY)).rolling(series, origins, 5)
    outcome = realised(series.values, origins, 5)
    before = (origins % 60) == 57  # still quiet; the burst is three minutes away
    assert np.all(series.values[origins[before] - 1] < 30)
    high = rows[before, LEVELS.index(0.9)]
    assert np.mean(high > 0.9 * outcome[before]) > 0.95


def test_the_floor_learns_the_rhythm_of_a_morning_peak():
    load = 10 + 40 * ((MINUTE % DAY > 540) & (MINUTE % DAY < 570)) + NOISE
    series = Series(0.0, load)
    model = SeasonalFloorForecaster().fit(series.cut(0, 15 * DAY))
    origin = np.array([15 * DAY + 538])
    assert model.rolling(series, origin, 5)[0, MEDIAN] > 40
    assert model.rolling(series, origin + 60, 5)[0, MEDIAN] < 20
