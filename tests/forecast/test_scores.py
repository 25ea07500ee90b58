"""Scores, against numbers worked out by hand."""

import numpy as np
import pytest

from forescale.forecast.base import LEVELS, MEDIAN
from forescale.forecast.scores import coverage, pinball_loss, skill, wape

NAN = np.nan


def rows(*medians):
    """All quantiles at one value each."""
    return np.repeat(np.array(medians, dtype=float)[:, None], len(LEVELS), axis=1)


def test_wape_weighs_errors_by_the_load():
    assert wape(rows(8, 12, 5), np.array([10.0, 10.0, 20.0])) == pytest.approx((2 + 2 + 15) / 40)


def test_wape_of_nothing_is_not_a_number():
    assert np.isnan(wape(rows(1, 2), np.array([0.0, 0.0])))
    assert np.isnan(wape(rows(1), np.array([NAN])))


def test_the_pinball_loss_of_one_miss_is_its_mean_over_the_levels():
    levels = np.array(LEVELS)
    assert pinball_loss(rows(8), np.array([10.0])) == pytest.approx(np.mean(2 * levels))  # too low
    assert pinball_loss(rows(12), np.array([10.0])) == pytest.approx(np.mean(2 * (1 - levels)))  # too high
    assert pinball_loss(rows(10), np.array([10.0])) == 0


def test_true_quantiles_have_a_lower_loss_than_others():
    rng = np.random.default_rng(1)
    outcome = rng.normal(size=20_000)
    true = np.tile(np.quantile(outcome, LEVELS), (len(outcome), 1))
    best = pinball_loss(true, outcome)
    assert best < pinball_loss(true + 0.2, outcome)
    assert best < pinball_loss(true * 1.3, outcome)


def test_rows_without_a_forecast_or_an_outcome_do_not_count():
    quantiles = rows(8, NAN, 8)
    outcome = np.array([10.0, 10.0, NAN])
    assert pinball_loss(quantiles, outcome) == pinball_loss(rows(8), np.array([10.0]))
    assert coverage(quantiles, outcome, 0.9) == 0.0
    assert pinball_loss(rows(NAN), np.array([1.0])) == np.inf
    assert np.isnan(coverage(rows(NAN), np.array([1.0]), 0.9))


def test_coverage_counts_outcomes_at_or_below():
    quantiles = np.tile(np.arange(len(LEVELS), dtype=float), (4, 1))
    at = LEVELS.index(0.9)
    assert coverage(quantiles, np.array([at - 1.0, at, at + 0.5, at + 9]), 0.9) == 0.5
    assert coverage(quantiles, np.full(4, float(MEDIAN)), 0.5) == 1.0


@pytest.mark.parametrize(
    ("loss", "reference", "expected"),
    [
        (5, 10, 0.5),
        (10, 10, 0),
        (20, 10, -1),
        (0, 0, 0),
        (1, 0, -np.inf),
        (np.inf, 10, NAN),
        (1, np.inf, NAN),
    ],
)
def test_skill(loss, reference, expected):
    assert skill(loss, reference) == pytest.approx(expected, nan_ok=True)
