"""The combined model: its weights follow what its members were worth on this load."""

import sys

import numpy as np
import pytest

from forescale.forecast import CombinedForecaster, forecaster
from forescale.forecast.base import LEVELS
from forescale.forecast.scores import pinball_loss
from forescale.forecast.windows import realised
from forescale.model.forecast import Forecast, NotReady
from forescale.series.regular import Series

DAY = 1440
MINUTE = np.arange(6 * DAY)
NOISE = np.random.default_rng(4).normal(size=len(MINUTE))
BURSTS = Series(0.0, 50 + 30 * np.less(MINUTE % 60, 3) + NOISE)


def test_the_better_member_counts_more_and_all_count_for_one():
    model = CombinedForecaster(("persistence", "seasonal_naive", "ridge")).fit(BURSTS)
    weights = model.weights
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["seasonal_naive"] > 5 * weights["persistence"] > 0


def test_it_is_hardly_worse_than_its_best_member_and_better_than_the_worst():
    split = 5 * DAY
    origins = np.arange(split, 6 * DAY - 5)
    outcome = realised(BURSTS.values, origins, 5)

    def loss(model):
        return pinball_loss(model.fit(BURSTS.cut(0, split)).rolling(BURSTS, origins, 5), outcome)

    members = ("persistence", "seasonal_naive", "ridge")
    alone = [loss(forecaster(name)) for name in members]
    assert loss(CombinedForecaster(members)) < 1.1 * min(alone) < 0.7 * max(alone)


def test_quantiles_are_the_weighted_mean_of_those_of_the_members():
    model = CombinedForecaster(("persistence", "ridge")).fit(BURSTS)
    each = {name: forecaster(name).fit(BURSTS).predict().quantiles for name in model.weights}
    for place, level in enumerate(LEVELS):
        mean = sum(weight * each[name][place][1] for name, weight in model.weights.items())
        assert model.predict().quantiles[place] == (level, pytest.approx(mean))


def test_a_member_that_is_not_ready_is_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    model = CombinedForecaster().fit(BURSTS)
    assert set(model.weights) == {"persistence", "seasonal_naive", "ridge"}
    assert isinstance(model.predict(), Forecast)


def test_with_no_member_ready_it_says_what_each_of_them_lacks(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    monkeypatch.setitem(sys.modules, "xgboost", None)
    answer = CombinedForecaster(("lightgbm", "xgboost")).fit(BURSTS).predict()
    assert isinstance(answer, NotReady)
    assert "forescale[lightgbm]" in answer.missing
    assert "forescale[xgboost]" in answer.missing


def test_nothing_to_combine_is_refused():
    with pytest.raises(ValueError, match="nothing to combine"):
        CombinedForecaster(())
