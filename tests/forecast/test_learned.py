"""Models that learn from features: what they learn, what a long history costs, missing libraries."""

import builtins
import sys

import numpy as np
import pytest

from forescale.forecast import forecaster
from forescale.forecast.base import LEVELS, MEDIAN
from forescale.forecast.learned import Linear, from_knots
from forescale.forecast.scores import pinball_loss
from forescale.forecast.windows import realised
from forescale.model.forecast import Forecast, NotReady
from forescale.series.regular import Series

DAY = 1440
LEARNED = ("ridge", "lightgbm", "xgboost", "forest")


def load(days=8, seed=1):
    """A day's cycle, a burst of three minutes each hour, and noise."""
    minute = np.arange(days * DAY)
    rng = np.random.default_rng(seed)
    values = (
        50
        + 15 * np.sin(2 * np.pi * minute / DAY)
        + 30 * (np.less(minute % 60, 3))
        + rng.normal(size=len(minute))
    )
    return Series(0.0, values)


def loss(name, series, split, horizon=5):
    origins = np.arange(split, len(series) - horizon + 1)
    rows = forecaster(name).fit(series.cut(0, split), horizon=horizon).rolling(series, origins, horizon)
    return pinball_loss(rows, realised(series.values, origins, horizon))


@pytest.mark.parametrize("name", LEARNED)
def test_it_learns_a_burst_that_persistence_cannot_know(name):
    series = load()
    assert loss(name, series, 6 * DAY) < 0.4 * loss("persistence", series, 6 * DAY)


@pytest.mark.parametrize("name", LEARNED)
def test_what_it_learned_holds_when_the_load_has_grown(name):
    series = load()
    grown = Series(0.0, np.where(np.arange(len(series)) < 6 * DAY, 1.0, 3.0) * series.values)
    origins = np.arange(6 * DAY + 180, len(series) - 5)
    rows = forecaster(name).fit(grown.cut(0, 6 * DAY)).rolling(grown, origins, 5)
    outcome = realised(grown.values, origins, 5)
    assert np.mean(np.abs(rows[:, MEDIAN] - outcome)) < 0.1 * np.mean(outcome)


@pytest.mark.parametrize("name", LEARNED)
def test_a_column_that_leads_the_load_makes_it_better(name):
    rng = np.random.default_rng(7)
    orders = np.repeat(rng.exponential(10, size=8 * DAY // 10), 10)  # known five minutes before they are load
    values = 20 + np.roll(orders, 5)
    alone, led = Series(0.0, values), Series(0.0, values, extras={"orders": orders})
    assert loss(name, led, 6 * DAY) < 0.8 * loss(name, alone, 6 * DAY)


@pytest.mark.parametrize("name", LEARNED)
def test_a_column_that_is_no_longer_told_is_done_without(name):
    series = load()
    extras = {"orders": series.values * 2}
    model = forecaster(name).fit(Series(0.0, series.values, extras=extras))
    answer = model.update([50.0] * 5).predict()
    assert isinstance(answer, Forecast)
    row = model.rolling(series, np.array([len(series)]), 5)
    assert np.all(np.isfinite(row))


@pytest.mark.parametrize("name", LEARNED)
def test_a_long_history_is_learned_from_in_part(name, monkeypatch):
    model = forecaster(name)
    seen = []
    learn = type(model)._learn

    def watched(self, matrix, target, weight):
        seen.append(len(matrix))
        return learn(self, matrix, target, weight)

    monkeypatch.setattr(type(model), "_learn", watched)
    monkeypatch.setattr(type(model), "rows", 1000)
    model.fit(load(20))
    assert seen == [800]  # a fifth is held out


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("lightgbm", "lightgbm", "lightgbm"),
        ("xgboost", "xgboost", "xgboost"),
        ("forest", "sklearn.ensemble", "forest"),
        ("arima", "statsforecast", "arima"),
        ("mstl", "statsforecast.mstl", "arima"),
        ("lstm", "keras", "lstm"),
    ],
)
def test_without_its_library_it_says_what_to_install(name, module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    model = forecaster(name).fit(load(4))
    answer = model.predict()
    assert isinstance(answer, NotReady)
    assert f"pip install 'forescale[{extra}]'" in answer.missing
    assert np.all(np.isnan(model.rolling(load(5), np.array([4 * DAY, 4 * DAY + 9]), 5)))


def test_a_missing_system_library_is_named_with_what_installs_it(monkeypatch):
    found = builtins.__import__

    def lacking(name, *args, **kwargs):
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", lacking)
    answer = forecaster("lightgbm").fit(load(3)).predict()
    assert isinstance(answer, NotReady)
    assert "apt-get install libgomp1" in answer.missing


def test_a_line_is_found_through_noise_and_absent_cells():
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(4000, 3))
    target = 5 + matrix @ np.array([2.0, 0.0, -1.0]) + 0.1 * rng.normal(size=4000)
    matrix[::10, 1] = np.nan
    line = Linear(matrix, target, np.ones(4000))
    assert line(np.array([[1.0, np.nan, 1.0], [0.0, 0.0, 0.0]])) == pytest.approx([6.0, 5.0], abs=0.1)


def test_a_line_does_not_go_on_beyond_what_it_was_learned_from():
    matrix = np.linspace(0, 1, 1000)[:, None]
    line = Linear(matrix, 3 * matrix[:, 0], np.ones(1000))
    assert line(np.array([[1.0], [50.0]])) == pytest.approx([3.0, 3.0], rel=0.02)


def test_quantiles_between_and_beyond_a_few_are_those_of_a_normal_distribution():
    from statistics import NormalDist

    knots = (0.1, 0.5, 0.9, 0.99)
    normal = NormalDist(10, 2)
    found = from_knots(np.array([[normal.inv_cdf(p) for p in knots]]), knots)
    assert found.centre[0] == pytest.approx([normal.inv_cdf(p) for p in LEVELS])
    crossed = from_knots(np.array([[5.0, 4.0, 3.0, 2.0]]), knots)
    assert np.all(np.diff(crossed.centre[0]) >= 0)
    assert crossed.spread[0] > 0
