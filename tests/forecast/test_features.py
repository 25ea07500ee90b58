"""Features: what they mean, and that they see neither the future nor where the data begins."""

import numpy as np
import pytest

from forescale.forecast.features import features, lookback
from forescale.series.regular import Series

DAY = 1440
START = 1_700_006_400.0  # 2023-11-15T00:00:00Z, a Wednesday


@pytest.fixture(scope="module")
def load():
    rng = np.random.default_rng(2)
    minute = np.arange(9 * DAY)
    values = 50 + 20 * np.sin(2 * np.pi * minute / DAY) + rng.normal(size=len(minute))
    values[4000:4100] = np.nan
    return Series(START, values)


def row(series, origin, horizon=5):
    found = features(series, np.array([origin]), horizon)
    return dict(zip(found.names, found.matrix[0], strict=True)), found.last[0], found.scale[0]


@pytest.mark.parametrize("origin", [1, 2, 59, 61, 1441, 4050, 4200, 9 * DAY])
def test_a_moment_alone_has_the_features_it_has_among_others(load, origin):
    among = features(load, np.arange(1, 9 * DAY + 1), 5)
    alone = features(load, np.array([origin]), 5)
    assert alone.names == among.names
    assert np.array_equal(alone.matrix[0], among.matrix[origin - 1], equal_nan=True)


def test_they_look_back_no_further_than_they_say(load):
    whole, *_ = row(load, 9 * DAY)
    part, *_ = row(load.tail(lookback(60.0)), lookback(60.0))
    assert part == whole


def test_they_see_nothing_of_what_is_to_come(load):
    other = load.values.copy()
    other[8 * DAY :] = 1e9
    origins = np.array([7 * DAY, 8 * DAY])
    ours, theirs = features(load, origins, 5), features(Series(START, other), origins, 5)
    assert np.array_equal(ours.matrix, theirs.matrix, equal_nan=True)


def test_they_are_relative_to_the_level(load):
    ours, theirs = (features(s, np.arange(8 * DAY, 8 * DAY + 50), 5)
                    for s in (load, Series(START, load.values * 1024)))  # fmt: skip
    assert theirs.matrix == pytest.approx(ours.matrix, rel=1e-9, abs=1e-9, nan_ok=True)
    assert theirs.scale == pytest.approx(ours.scale * 1024)


def test_what_came_about_before_is_there(load):
    origin = 8 * DAY + 33
    found, last, scale = row(load, origin)
    for seconds, steps in ((3600, 60), (86_400, DAY), (604_800, 7 * DAY)):
        then = load.values[origin - steps : origin - steps + 5].max()
        assert found[f"again_{seconds}"] == pytest.approx((then - last) / scale)
        assert found[f"rose_{seconds}"] == pytest.approx((then - load.values[origin - steps - 1]) / scale)


def test_a_horizon_longer_than_an_hour_does_not_ask_what_the_last_hour_will_be(load):
    found, *_ = row(load, 8 * DAY, horizon=90)
    assert "again_3600" not in found
    assert "again_86400" in found


def test_the_age_of_a_straight_line():
    points = np.array([10.0, 20.0, 15.0, 15.0, 40.0])
    values = np.interp(np.arange(21), np.arange(0, 21, 5), points)
    ages = [row(Series(0.0, values), origin)[0]["line_age"] for origin in range(8, 17)]
    # the slope of a new line is first seen one step after its first point
    assert ages == [1, 2, 3, 4, 0, 1, 2, 3, 4]


def test_the_calendar_tells_when_the_forecast_begins():
    found, *_ = row(Series(START - 3600.0, np.ones(60)), 60)
    assert found["day_cos1"] == pytest.approx(1.0)  # midnight
    assert found["week_day"] == 2.0  # Wednesday, Monday being 0
    assert found["hour_sin1"] == pytest.approx(0.0, abs=1e-9)


def test_further_columns_are_features():
    series = Series(0.0, np.ones(100), extras={"heat": np.arange(100.0), "absent": np.full(100, np.nan)})
    found, *_ = row(series, 100)
    assert (found["heat_now"], found["heat_was_60"], found["heat_mean_5"]) == (99.0, 39.0, 97.0)
    assert np.isnan(found["absent_now"])
