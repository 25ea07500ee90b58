"""What every forecaster must do. Each one in the registry is found and tested."""

import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forescale.forecast import FORECASTERS, forecaster
from forescale.forecast.base import CAP, LEVELS, MEDIAN, BaseForecaster
from forescale.model.forecast import Forecast, NotReady
from forescale.model.value import decode, encode
from forescale.series.regular import Series

DAY = 1440
DOCUMENT = Path(__file__).parents[2] / "docs" / "forecasters.md"
SLOW = {"lstm"}


def installed(name):
    """Whether its library is there: LightGBM's needs one of the system, which `make test` installs."""
    if name != "lightgbm" or os.environ.get("CI") == "true":
        return True
    try:
        import lightgbm  # noqa: F401
    except OSError:
        return False
    return True


NAMES = [
    pytest.param(
        name,
        marks=[
            *([pytest.mark.slow] if name in SLOW else []),
            *([] if installed(name) else [pytest.mark.skip(reason="NOT TESTED: apt-get install libgomp1")]),
        ],
    )
    for name in FORECASTERS
]

pytestmark = pytest.mark.parametrize("name", NAMES)


def daily(days=4, noise=1.0, seed=3, start=1_700_006_400.0):
    """Minutes of a day's cycle with a burst each hour."""
    minute = np.arange(int(days * DAY))
    rng = np.random.default_rng(seed)
    wave = 50 + 20 * np.sin(2 * np.pi * minute / DAY) + 15 * (minute % 60 < 5)
    return Series(start, wave + noise * rng.normal(size=len(minute)))


_kept = {}


def fitted(name, series, horizon=5):
    """A model of its own, fitted; that of a series is trained once, as a copy is as good."""
    if not isinstance(series, Series):
        return trained(name, series, horizon)
    key = (name, horizon, series.start, series.values.tobytes())
    if key not in _kept:
        _kept[key] = pickle.dumps(trained(name, series, horizon))
    return pickle.loads(_kept[key])


def trained(name, series, horizon=5):
    model = forecaster(name)
    quick = {"epochs": 2} if name == "lstm" else {}
    return model.fit(series, horizon=horizon, **quick)


def values(forecast):
    assert isinstance(forecast, Forecast), forecast
    return np.array([value for _, value in forecast.quantiles])


def test_it_is_documented_under_a_heading(name):
    headings = re.findall(r"^## `(\w+)`", DOCUMENT.read_text(), flags=re.MULTILINE)
    assert headings.count(name) == 1


def test_it_has_the_name_under_which_it_is_registered(name):
    model = forecaster(name)
    assert isinstance(model, BaseForecaster)
    assert model.name == name


def test_it_can_be_had_from_the_room_by_the_name_of_its_class(name):
    import forescale.forecast as room

    made = type(forecaster(name))
    assert getattr(room, made.__name__) is made
    assert made.__name__ in dir(room)


def test_it_gives_every_quantile_in_order_and_a_path(name):
    series = daily()
    forecast = fitted(name, series).predict()
    quantiles = values(forecast)
    assert tuple(level for level, _ in forecast.quantiles) == LEVELS
    assert np.all(np.diff(quantiles) >= 0)
    assert (forecast.time, forecast.horizon, forecast.model) == (series.end, 300.0, name)
    assert len(forecast.path) == 5
    assert np.all(np.isfinite(forecast.path))
    assert decode(encode(forecast), Forecast) == forecast  # no numpy scalar, no NaN


def test_it_is_right_about_what_hardly_changes(name):
    minute = np.arange(4 * DAY)
    series = Series(0.0, 100 + 5 * np.sin(2 * np.pi * minute / DAY))
    quantiles = values(fitted(name, series).predict())
    assert quantiles[MEDIAN] == pytest.approx(100.0, rel=0.06)


def test_it_forecasts_the_maximum_not_the_mean(name):
    rng = np.random.default_rng(5)
    series = Series(0.0, 50 + 10 * rng.normal(size=4 * DAY))
    median = values(fitted(name, series, horizon=30).predict())[MEDIAN]
    assert 62 < median < 82  # the largest of 30 standard normal draws is 2.04 in the median


def test_the_same_data_gives_the_same_forecast(name):
    series = daily(3)
    assert trained(name, series).predict() == trained(name, series).predict()


def test_it_rolls_as_it_predicts(name):
    series = daily(4.5)
    first = 4 * DAY
    origins = np.array([first, first + 1, first + 37, first + 300, len(series)])
    model = fitted(name, series.cut(0, first))
    rolled = model.rolling(series, origins, 5)
    assert rolled.shape == (len(origins), len(LEVELS))
    for origin, row in zip(origins, rolled, strict=True):
        alone = model.update(series.cut(0, origin)).predict(5)
        assert values(alone) == pytest.approx(row, rel=1e-6)


def test_it_sees_nothing_of_what_is_to_come(name):
    series = daily(4.2)
    first = 4 * DAY
    model = fitted(name, series.cut(0, first))
    origins = np.array([first, first + 60, first + 100])
    other = series.values.copy()
    other[first + 100 :] = 1e6
    assert np.array_equal(
        model.rolling(series, origins, 5), model.rolling(Series(series.start, other), origins, 5)
    )


def test_it_can_be_kept_and_loaded_again(name):
    series = daily(3)
    model = trained(name, series.cut(0, 3 * DAY - 30))
    again = pickle.loads(pickle.dumps(model))
    rest = series.cut(3 * DAY - 30, 3 * DAY)
    assert again.update(rest).predict() == model.update(rest).predict()


def test_it_answers_at_another_level_relative_to_it(name):
    series = daily(3)
    small = values(fitted(name, series).predict())
    large = values(fitted(name, Series(series.start, series.values * 1024)).predict())
    assert large == pytest.approx(small * 1024, rel=0.05)


@pytest.mark.parametrize("length", [0, 1, 10, 40])
def test_with_too_little_it_says_what_it_needs_and_what_it_has(name, length):
    answer = fitted(name, [5.0] * length).predict()
    assert isinstance(answer, NotReady)
    assert re.search(r"needs .+ has ", answer.missing)


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_what_never_changes_is_forecast_to_stay(name, level):
    answer = fitted(name, Series(0.0, np.full(3 * DAY, level))).predict()
    assert values(answer) == pytest.approx(np.full(len(LEVELS), level), abs=0.01 * level)


def test_nothing_but_absence_is_not_ready(name):
    model = fitted(name, Series(0.0, np.full(3 * DAY, np.nan)))
    assert isinstance(model.predict(), NotReady)
    assert np.all(np.isnan(model.rolling(Series(0.0, np.full(3 * DAY, np.nan)), np.array([9, 99]), 5)))


def test_old_news_is_no_forecast(name):
    series = daily(3)
    gone = Series(series.end, np.full(20, np.nan))
    answer = fitted(name, series).update(gone).predict()
    assert isinstance(answer, NotReady)
    assert "no value in the last 15m" in answer.missing


def test_gaps_and_what_is_not_finite_are_lived_with(name):
    series = daily(4).values.copy()
    series[500:900] = np.nan
    series[::97] = np.nan
    series[1000] = np.inf
    series[2000] = -np.inf
    quantiles = values(fitted(name, Series(0.0, series)).predict())
    assert np.all(np.isfinite(quantiles))
    assert 20 < quantiles[MEDIAN] < 120


def test_a_hundred_times_the_past_is_answered_and_capped(name):
    series = daily(3)
    new = Series(series.end, np.full(5, 100 * float(np.max(series.values))))
    quantiles = values(fitted(name, series).update(new).predict())
    assert np.all(np.isfinite(quantiles))
    assert quantiles[-1] <= CAP * float(np.max(new.values))
    assert quantiles[0] >= 0


def test_what_is_too_large_to_be_true_is_absent(name):
    series = daily(3).values.copy()
    series[1000:1010] = 1e300
    assert values(fitted(name, Series(0.0, series)).predict())[-1] < 1000


def test_load_never_becomes_negative(name):
    rng = np.random.default_rng(8)
    series = Series(0.0, np.where(rng.random(3 * DAY) < 0.95, 0.0, 10 * rng.random(3 * DAY)))
    answer = fitted(name, series).predict()
    assert values(answer)[0] >= 0
    assert min(answer.path) >= 0


def test_another_horizon_than_the_fitted_one_is_answered(name):
    forecast = fitted(name, daily(3)).predict(12)
    assert forecast.horizon == 720.0
    assert len(forecast.path) == 12
    assert values(forecast)[MEDIAN] > 20


def test_a_list_continues_where_the_history_ends(name):
    series = daily(3)
    known = series.values.tolist()
    model = fitted(name, known[:-10]).update(known[-10:])
    assert model.predict().time == 60.0 * len(known)


def test_time_that_goes_backwards_changes_nothing(name):
    series = daily(3)
    model = fitted(name, series)
    before = model.predict()
    assert model.update(series.cut(0, 100)).predict() == before
    assert model.update(series.cut(len(series) - 5, len(series))).predict() == before


def test_a_horizon_below_one_step_is_refused(name):
    with pytest.raises(ValueError, match="at least 1"):
        forecaster(name).fit([1.0] * 100, horizon=0)


hostile = st.lists(
    st.one_of(
        st.floats(allow_nan=True, allow_infinity=True),
        st.sampled_from([0.0, 1.0, 5.0, float("nan")]),
    ),
    max_size=40,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pieces=st.lists(hostile, min_size=1, max_size=4), repeats=st.integers(1, 60), news=hostile)
def test_whatever_it_is_given_it_answers(name, pieces, repeats, news):
    history = [value for piece in pieces for value in piece] * repeats
    answer = fitted(name, history).update(news).predict()
    if isinstance(answer, NotReady):
        assert answer.missing
    else:
        assert np.all(np.isfinite(values(answer)))
        assert np.all(np.diff(values(answer)) >= 0)
        assert np.all(np.isfinite(answer.path))
