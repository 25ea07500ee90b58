"""Capacity worth its cost: against numbers drawn at random, and against every size there could be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.forecast.base import LEVELS, MEDIAN
from forescale.forecast.newsvendor import (
    HEADROOMS,
    PRICES,
    STAGES,
    capacities,
    shortfall,
    shortfall_at,
)

ROWS = st.lists(
    st.one_of(st.sampled_from([0.0, 1.0, 7.0, 40.0]), st.floats(0, 100)),
    min_size=len(LEVELS),
    max_size=len(LEVELS),
).map(lambda values: np.sort(np.array(values)))
NORMAL = 20 + 3 * np.linspace(-2.5, 3.5, len(LEVELS))
SKEWED = np.geomspace(2, 60, len(LEVELS))


def end_of(row):
    """Where the distribution ends: as far above the highest quantile as that is from the one at 99.5 %."""
    return 2 * row[-1] - row[LEVELS.index(0.995)]


def drawn(row, count=2_000_000, seed=3):
    """Demand at random, uniform between each two quantiles; below the lowest it is that one."""
    share = np.random.default_rng(seed).random(count)
    return np.interp(share, [*LEVELS, 1.0], [*row, end_of(row)]), share


@pytest.mark.parametrize(
    "row", [NORMAL, SKEWED, np.full(len(LEVELS), 5.0)], ids=["even", "skewed", "certain"]
)
def test_the_demand_above_a_size_is_that_of_random_numbers(row):
    demand, share = drawn(row)
    demand = np.where(share < LEVELS[0], 0.0, demand)  # what is below the lowest quantile is not told
    for size in [*np.linspace(row[0] * 0.9, end_of(row) * 1.01, 23)]:
        expected = demand[demand > size].sum() / len(demand)
        assert shortfall(row, np.array([size]))[0] == pytest.approx(expected, rel=0.02, abs=2e-3 * row[-1])


@given(ROWS, st.lists(st.floats(0, 250), min_size=1, max_size=20))
def test_one_size_at_a_time_it_is_the_same(row, sizes):
    together = shortfall(row, np.array(sizes))
    assert [shortfall_at(row, size) for size in sizes] == together.tolist()


@given(ROWS)
def test_more_capacity_never_leaves_more_above_it(row):
    left = shortfall(row, np.linspace(0, max(end_of(row), 1) * 1.1, 200))
    assert np.all(np.diff(left) <= 1e-9)
    assert left[-1] == 0.0
    assert left[0] <= (1 - LEVELS[0]) * end_of(row) + 1e-9


@pytest.mark.parametrize("row", [NORMAL, SKEWED], ids=["even", "skewed"])
def test_it_is_the_cheapest_of_all_sizes(row):
    """By brute force: no whole number of instances, from the median's on, costs less."""
    found = capacities(row)
    sizes = np.arange(np.ceil(row[MEDIAN]), np.ceil(end_of(row)) + 5)
    demand, share = drawn(row)
    lost = np.array([demand[(demand > s) & (share > LEVELS[0])].sum() / len(demand) for s in sizes])
    for price, size in zip(PRICES, found, strict=False):
        costs = sizes + price * lost
        mine = costs[sizes == size][0]
        assert mine <= costs.min() + 0.02 * max(price * lost.max() * 0.02, 1.0)


@given(ROWS)
def test_it_rises_with_the_price_and_is_never_below_the_median(row):
    found = capacities(row)
    assert found.shape == (STAGES,)
    assert found.dtype == np.int64
    assert np.all(np.diff(found) >= 0)
    assert found[0] >= max(np.ceil(row[MEDIAN] - 1e-6), 1)
    top = found[len(PRICES) - 1]
    assert top <= max(np.ceil(end_of(row)), 1)
    assert found[-1] == np.ceil(top * HEADROOMS[-1] - 1e-9)


@pytest.mark.parametrize(("value", "needed"), [(0.0, 1), (0.3, 1), (1.0, 1), (7.0, 7), (7.2, 8), (40.0, 40)])
def test_where_demand_is_certain_every_price_asks_for_it(value, needed):
    found = capacities(np.full(len(LEVELS), value))
    assert found[: len(PRICES)].tolist() == [needed] * len(PRICES)


def test_where_a_burst_may_come_only_a_high_price_is_ready_for_it():
    """With 10 instances 97 times in 100, with 30 else: there is nothing in between to buy."""
    row = np.where(np.array(LEVELS) < 0.97, 10.0, 30.0)
    found = capacities(row)[: len(PRICES)]
    assert found[0] == 10
    assert found[-1] == 30
    assert set(found.tolist()) <= {10, *range(26, 31)}
    at = np.searchsorted(found, 20)
    assert 20 / 0.03 / 30 / 3 < PRICES[at] < 20 / 0.02 / 30 * 3  # 20 more are worth 3 % of 30 violated


@given(ROWS, st.sampled_from([50, 1000, 20_000]))
def test_thousands_of_instances_are_a_matter_of_scale(row, factor):
    """Not every size is looked at then, but the best is not far."""
    small, large = capacities(row), capacities(row * factor)
    assert np.all(large[: len(PRICES)] <= max(np.ceil(end_of(row) * factor), 1))
    assert np.all(large >= np.ceil(row[MEDIAN] * factor - 1e-3))
    assert np.all(large <= (small + 1) * factor * 2.0 + 1)
    assert np.all(np.diff(large) >= 0)


def test_a_wide_forecast_is_looked_at_in_steps_that_miss_little():
    row = np.geomspace(500, 50_000, len(LEVELS))
    sizes = np.arange(row[MEDIAN] // 1, np.ceil(end_of(row)))
    for price, found in zip(PRICES, capacities(row), strict=False):
        costs = sizes + price * shortfall(row, sizes)
        mine = found + price * shortfall(row, np.array([float(found)]))[0]
        assert mine <= costs.min() * 1.02 + 1
