"""Rolling-origin evaluation: causal, complete, fair between models, and honest about what it left out."""

import itertools
import sys

import numpy as np
import pytest

from forescale.forecast import forecaster
from forescale.forecast.evaluate import evaluate
from forescale.forecast.registry import FORECASTERS
from forescale.forecast.scores import pinball_loss, skill, wape
from forescale.forecast.windows import realised
from forescale.model.errors import ConfigError, TraceError
from forescale.model.value import encode
from forescale.series.regular import Series

DAY = 1440


def load(days=4, seed=1):
    minute = np.arange(days * DAY)
    rng = np.random.default_rng(seed)
    return Series(
        0.0,
        50
        + 20 * np.sin(2 * np.pi * minute / DAY)
        + 20 * np.less(minute % 60, 3)
        + rng.normal(size=len(minute)),
    )


def by_name(result):
    return {score.model: score for score in result.scores}


def test_scores_are_those_of_forecasts_made_one_at_a_time():
    series = load(3).cut(0, 1200)
    score = by_name(evaluate(series, models=["ridge"], warmup=600, refit=400))["ridge"]
    model, rows, outcome = forecaster("ridge"), [], []
    for origin in range(600, 1196):
        if origin in (600, 1000):
            model.fit(series.cut(0, origin))
        rows.append([value for _, value in model.predict().quantiles])
        outcome.append(series.values[origin : origin + 5].max())
        model.update(series.cut(origin, origin + 1))
    assert score.forecasts == len(rows) == 596
    assert score.fits == 2
    assert score.wape == pytest.approx(wape(np.array(rows), np.array(outcome)), rel=1e-6)
    assert score.pinball == pytest.approx(pinball_loss(np.array(rows), np.array(outcome)), rel=1e-6)


def test_what_comes_later_changes_nothing_of_what_was_forecast():
    """The scores of the first minutes are the same whatever the load does afterwards."""
    series = load(3)
    rows = []
    for later in (1.0, 40.0):
        values = series.values.copy()
        values[2 * DAY + 100 :] *= later
        model = forecaster("ridge").fit(Series(0.0, values[: 2 * DAY]))
        rows.append(model.rolling(Series(0.0, values), np.arange(2 * DAY, 2 * DAY + 100), 5))
    assert np.array_equal(rows[0], rows[1])


def test_skill_is_against_the_references_and_theirs_is_none():
    result = evaluate(load(), models=["ridge", "persistence", "seasonal_naive"], warmup=2 * DAY)
    scores = by_name(result)
    ridge, still, season = scores["ridge"], scores["persistence"], scores["seasonal_naive"]
    assert ridge.skill_persistence == pytest.approx(skill(ridge.pinball, still.pinball))
    assert ridge.skill_seasonal == pytest.approx(skill(ridge.pinball, season.pinball))
    assert still.skill_persistence == season.skill_seasonal == 0.0
    assert ridge.skill_persistence > 0.3


def test_references_are_run_though_not_asked_for():
    result = evaluate(load(), models=["ridge"], warmup=2 * DAY)
    assert [score.model for score in result.scores] == ["ridge"]
    assert result.scores[0].skill_seasonal is not None


def test_skill_counts_only_minutes_that_both_have_forecast():
    series = load(5)
    result = evaluate(series, models=["mstl"], warmup=DAY, refit=DAY)  # ready only after two and a half days
    (score,) = result.scores
    assert 0 < score.answered < 0.8
    last = range(3 * DAY, len(series) - 4)
    rows = forecaster("persistence")
    late = np.concatenate(
        [
            rows.fit(series.cut(0, day)).rolling(series, np.arange(day, min(day + DAY, len(series) - 4)), 5)
            for day in (3 * DAY, 4 * DAY)
        ]
    )
    reference = pinball_loss(late, realised(series.values, np.array(last), 5))
    assert score.skill_persistence == pytest.approx(skill(score.pinball, reference))


def test_a_model_that_cannot_is_skipped_with_the_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    result = evaluate(load(), models=["xgboost", "persistence"], warmup=2 * DAY)
    skipped, scored = result.scores
    assert "pip install 'forescale[xgboost]'" in skipped.skipped
    assert skipped.pinball is None
    assert scored.skipped is None


def test_too_little_history_is_a_reason_too():
    result = evaluate(load(2), models=["lightgbm"], warmup=60, refit=10 * DAY)
    assert "needs 1d of load, has 1h" in result.scores[0].skipped


def test_times_are_by_the_clock_handed_in():
    ticks = itertools.count()
    result = evaluate(load(3), models=["persistence"], warmup=DAY, clock=lambda: float(next(ticks)))
    assert (result.scores[0].fit_seconds, result.scores[0].predict_seconds) == (1.0, 1.0)


def test_progress_adds_up_to_all_models_and_minutes():
    told = []
    result = evaluate(load(3), models=["ridge"], warmup=DAY, progress=lambda *step: told.append(step))
    assert {model for model, _ in told} == {"ridge", "persistence", "seasonal_naive"}
    assert sum(minutes for _, minutes in told) == 3 * result.minutes


def test_gaps_are_not_scored():
    series = load()
    values = series.values.copy()
    values[3 * DAY : 3 * DAY + 600] = np.nan
    result = evaluate(Series(0.0, values), models=["persistence"], warmup=2 * DAY)
    (score,) = result.scores
    assert score.forecasts <= result.minutes - 595
    assert score.answered < 1  # right after the gap nothing is known
    assert any("600 minutes are absent" in note for note in result.notes)


def test_columns_are_features_of_the_learning_models():
    rng = np.random.default_rng(7)
    orders = np.repeat(rng.exponential(10, size=4 * DAY // 10), 10)
    values = 20 + np.roll(orders, 5)
    alone = evaluate(Series(0.0, values), models=["ridge"], warmup=2 * DAY).scores[0]
    led = evaluate(Series(0.0, values, extras={"orders": orders}), models=["ridge"], warmup=2 * DAY).scores[0]
    assert led.wape < 0.8 * alone.wape


def test_a_constant_load_is_scored_without_dividing_by_nothing():
    result = evaluate(Series(0.0, np.zeros(3 * DAY)), models=["persistence", "ridge"], warmup=DAY)
    for score in result.scores:
        assert (score.pinball, score.wape, score.pinball_relative) == (0.0, None, None)
        assert score.skill_persistence == 0.0
    encode(result.scores)  # no NaN, no numpy


def test_an_unknown_model_is_told_before_anything_is_fitted():
    with pytest.raises(ConfigError, match="'ridg'") as caught:
        evaluate(load(), models=["persistence", "ridg"], progress=lambda *_: pytest.fail("fitted"))
    assert "ridge" in caught.value.hint


@pytest.mark.parametrize("length", [1, 8])
def test_too_short_a_trace_is_refused(length):
    with pytest.raises(TraceError, match="too short"):
        evaluate(Series(0.0, np.ones(length)), horizon=10)


@pytest.mark.slow
def test_every_model_is_scored_and_the_slow_one_says_so():
    result = evaluate(load(5), warmup=4 * DAY, refit=DAY)
    scores = by_name(result)
    assert list(scores) == list(FORECASTERS)
    assert all(score.skipped is None for score in scores.values())
    assert all(0.8 <= score.coverage_99 <= 1 for score in scores.values())
    assert any(note.startswith("lstm") for note in result.notes)
