"""From demand to forecasts: no look ahead, live is the backtest, poison is not learned, nothing raises."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.forecast.base import LEVELS
from forescale.forecast.pipeline import FRONTIER_EVERY, Pipeline, train
from forescale.forecast.settings import ForecastSettings
from forescale.forecast.walk import fits, walk
from forescale.model.forecast import Forecast, NotReady
from forescale.model.value import decode, encode
from forescale.series.poison import Kind
from forescale.series.regular import Series
from forescale.sim.generator import daily_load

DAY = 1440
CHEAP = ForecastSettings.model_validate({"models": ["persistence", "seasonal_naive"]})
NAIVE = ForecastSettings.model_validate({"models": ["seasonal_naive"]})


def series(values, start=0.0):
    return Series(start, np.asarray(values, dtype=np.float64))


def load(minutes, seed=1, peak=20):
    return daily_load(seed, minutes).scaled(peak).load


def high(forecast, level=0.99):
    return dict(forecast.quantiles)[level]


def same(one, two):
    return [encode(x) for x in one] == [encode(x) for x in two]


def test_from_nothing_to_a_forecast():
    said = walk(series(load(DAY)), CHEAP, 4).forecasts
    assert len(said) == DAY
    assert said[0] == NotReady("no model has been trained yet")
    first = next(i for i, x in enumerate(said) if isinstance(x, Forecast))
    assert first <= 120
    assert all(isinstance(x, Forecast) for x in said[first:])
    assert [x.time for x in said[first:]] == [60.0 * (i + 1) for i in range(first, DAY)]
    assert {x.horizon for x in said[first:]} == {300.0}


def test_what_it_says_is_fit_for_the_ledger():
    said = [x for x in walk(series(load(DAY)), CHEAP, 4).forecasts if isinstance(x, Forecast)]
    for forecast in said:
        assert decode(encode(forecast), Forecast) == forecast
        levels, values = zip(*forecast.quantiles, strict=True)
        assert levels == LEVELS
        assert all(type(value) is float and np.isfinite(value) and value >= 0 for value in values)
        assert list(values) == sorted(values)
        assert forecast.model in CHEAP.models
        assert (forecast.frontier is None) == (forecast.scores is None)
    told = [i for i, x in enumerate(said) if x.frontier is not None]
    assert {b - a for a, b in pairwise(told)} == {FRONTIER_EVERY}


@cache
def past():
    """A load, and what was forecast of it."""
    values = load(DAY)
    return values, walk(series(values), CHEAP, 4).forecasts


@settings(max_examples=8, deadline=None)
@given(st.integers(100, 1400), st.sampled_from([0.0, 3.0, 1e4, np.nan]))
def test_the_future_changes_nothing_before_it(at, factor):
    """Whatever comes after a minute, what was said up to it is the same to the byte."""
    values, one = past()
    other = values.copy()
    other[at:] = other[at:] * factor
    two = walk(series(other), CHEAP, 4).forecasts
    assert same(one[:at], two[:at])
    assert not same(one, two)


@pytest.mark.parametrize("lead", [0, 4])
def test_live_is_the_backtest(lead):
    """Minute by minute, with models adopted when the walk fitted its own: the same to the byte."""
    cfg = CHEAP
    values = load(DAY + 100)
    values[700:760] = np.nan
    whole = series(values)
    expected = walk(whole, cfg, lead)
    pipeline, said = Pipeline(cfg, lead), []
    due = set(fits(len(whole), DAY))
    for now in range(1, len(whole) + 1):
        if now - 1 in due:
            pipeline.adopt(train(whole.cut(0, now - 1), cfg, pipeline.horizon))
        said.append(pipeline.advance(whole.cut(0, now)))
    assert same(said, expected.forecasts)


def test_a_target_goes_on_where_the_walk_through_its_past_ended():
    whole = series(load(900))
    expected = walk(whole, CHEAP, 4)
    warm = walk(whole.cut(0, 481), CHEAP, 4).pipeline  # it has just learned; the next time is beyond the end
    for now in range(482, 901):
        found = warm.advance(whole.cut(0, now))
        assert encode(found) == encode(expected.forecasts[now - 1])


def test_fits_come_often_first_and_then_every_day():
    assert list(fits(5 * DAY, DAY)) == [60, 120, 240, 480, 960, DAY, 2 * DAY, 3 * DAY, 4 * DAY]
    assert list(fits(60, DAY)) == []
    assert list(fits(61, 10)) == [10, 20, 30, 40, 50, 60]


# --- poison -----------------------------------------------------------------------------------


class Seen:
    """What the models were given to learn from, of a spoilt history and of the same unspoilt."""

    def __init__(self, values, **poison):
        self.models = train(series(values), NAIVE, 5, **poison)
        self.values = self.models.fitted["seasonal_naive"]._fitted.values


def test_an_outage_is_not_learned():
    values = load(5 * DAY)
    spoilt = values.copy()
    spoilt[3 * DAY + 600 : 3 * DAY + 660] = 0.0
    seen = Seen(spoilt)
    assert np.all(np.isnan(seen.values[3 * DAY + 602 : 3 * DAY + 658]))
    assert Kind.OUTAGE in {span.kind for span in seen.models.poison}
    assert not np.any(np.isnan(seen.values[: 3 * DAY]))
    clean = Seen(values)
    assert np.count_nonzero(np.isnan(clean.values)) < 30


def test_demand_cut_off_at_the_maximum_is_not_learned():
    values = load(4 * DAY)
    serving, most = np.full(len(values), 12.0), 12
    capped = np.minimum(values, 12.0)
    seen = Seen(capped, serving=serving, maximum=most)
    cut = values >= 12.0
    assert np.count_nonzero(cut) > 100
    assert np.all(np.isnan(seen.values[cut]))
    assert Kind.CAPPED in {span.kind for span in seen.models.poison}


def test_a_deploy_is_not_learned():
    values = load(2 * DAY)
    seen = Seen(values, deploys=[(36_000.0, 39_600.0)])
    assert np.all(np.isnan(seen.values[600:660]))
    assert Kind.DEPLOY in {span.kind for span in seen.models.poison}


def test_a_gap_is_absence_and_not_nothing():
    values = load(3 * DAY)
    values[2000:2100] = np.nan
    seen = Seen(values)
    assert np.all(np.isnan(seen.values[2000:2100]))
    assert seen.models.steps == 3 * DAY - 100


def settled(spoil):
    """The 99 % quantiles of a day's forecasts, after a history that was spoilt and one that was not."""
    steady = 10 + np.sin(np.arange(6 * DAY) / DAY * 2 * np.pi) * 5
    steady += np.random.default_rng(1).normal(0, 0.15, len(steady))
    spoilt = steady.copy()
    spoil(spoilt)
    last = slice(5 * DAY + 300, None)
    found = [walk(series(values), CHEAP, 4).forecasts[last] for values in (spoilt, steady)]
    return [np.array([high(x) for x in forecasts]) for forecasts in found]


@pytest.mark.slow
@pytest.mark.parametrize("value", [0.0, np.nan], ids=["outage", "gap"])
def test_the_forecasts_after_it_are_not_dragged_down(value):
    """An hour and a half of nothing at the busiest time, yesterday at this time of day."""

    def spoil(values):
        values[4 * DAY + 320 : 4 * DAY + 410] = value

    spoilt, steady = settled(spoil)
    assert np.all(spoilt[:150] > 0.93 * steady[:150])
    assert np.median(spoilt / steady) == pytest.approx(1.0, abs=0.05)


# --- nasty series -----------------------------------------------------------------------------


def checked(values, lead=4, cfg=CHEAP):
    """The forecasts of a series: NotReady, or numbers within reason."""
    whole = series(values)
    said = walk(whole, cfg, lead).forecasts
    assert len(said) == len(whole)
    highest = 0.0
    for i, forecast in enumerate(said):
        if np.isfinite(whole.values[i]):
            highest = max(highest, abs(whole.values[i]))
        if isinstance(forecast, NotReady):
            assert forecast.missing
            continue
        row = np.array([value for _, value in forecast.quantiles])
        assert np.all(np.isfinite(row))
        assert np.all(np.diff(row) >= 0)
        assert row[0] >= 0
        assert row[-1] <= 3.5 * highest + 1e-9  # as high as was seen, or on its way from there
    return said


def test_too_little_history_is_not_ready():
    said = checked(load(59))
    assert {x.missing for x in said} == {"no model has been trained yet"}


def test_a_constant_is_forecast_to_stay():
    said = checked(np.full(DAY, 7.0))
    assert high(said[-1]) == pytest.approx(7.0, rel=0.02)
    assert high(said[-1], 0.05) == pytest.approx(7.0, rel=0.02)


def test_nothing_is_forecast_to_stay_nothing():
    assert high(checked(np.zeros(DAY // 2))[-1]) == 0.0


def test_a_hundred_times_its_past_is_capped_and_followed():
    values = np.concatenate((load(DAY), load(200) * 100))
    said = checked(values)
    at = DAY
    assert high(said[at - 1]) < 100
    assert high(said[at + 30], 0.5) > values[at + 30] * 0.5  # it has come there within minutes
    assert high(said[at + 30], 0.9995) <= 1.1 * np.nanmax(values[: at + 31]) + 3 * np.ptp(
        values[at : at + 31]
    )


def test_silence_ends_forecasts_and_data_brings_them_back():
    values = load(900)
    values[700:820] = np.nan
    said = checked(values)
    silent = [isinstance(x, NotReady) for x in said[700:820]]
    assert not silent[3]  # a few minutes are bridged
    assert all(silent[30:])
    assert isinstance(said[825], Forecast)


def test_an_empty_series_is_not_ready():
    assert walk(series([]), CHEAP, 4).forecasts == ()
    assert isinstance(Pipeline(CHEAP, 4).advance(series([])), NotReady)
    pipeline = Pipeline(CHEAP, 4)
    pipeline.adopt(train(series(load(200)), CHEAP, 5))
    assert isinstance(pipeline.advance(series([])), NotReady)


NASTY = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1e-9, 1.0, 20.0, 2000.0, 1e6, np.nan, np.inf, -np.inf, -5.0, 1e99]),
        st.integers(1, 90),
        st.sampled_from([0.0, 0.2]),
    ),
    min_size=1,
    max_size=8,
)


def made(parts, seed=0):
    rng = np.random.default_rng(seed)
    runs = [np.full(count, value) * (1 + spread * rng.random(count)) for value, count, spread in parts]
    return np.concatenate(runs)


@settings(max_examples=25, deadline=None)
@given(NASTY, st.integers(0, 6))
def test_whatever_comes_it_answers(parts, lead):
    with np.errstate(invalid="ignore"):
        values = made(parts)
    checked(values, lead)


@settings(max_examples=15, deadline=None)
@given(NASTY, st.lists(st.integers(-3, 4), min_size=20, max_size=60), st.integers(0, 3))
def test_whatever_time_does_live_forecasting_answers(parts, jumps, seed):
    """Buckets that come twice, late, or after a gap; a clock that goes back."""
    with np.errstate(invalid="ignore"):
        history = series(made([(8.0, 130, 0.2), *parts], seed))
    pipeline = walk(history, CHEAP, 4).pipeline
    for jump in jumps:
        new = series([5.0 + jump], start=history.end + 60.0 * jump)
        history = history.extended(new)
        said = pipeline.advance(history)
        assert isinstance(said, Forecast | NotReady)
        assert decode(encode(said), type(said)) == said
