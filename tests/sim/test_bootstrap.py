"""Intervals around the difference of two runs: as sure as they say, and paired."""

import numpy as np
import pytest

from forescale.sim.bootstrap import Interval, difference
from forescale.sim.measures import violations
from forescale.sim.run import Run

LEVEL = 0.95


def run(billed, serving=None):
    billed = np.asarray(billed, dtype=np.int64)
    return Run(billed if serving is None else np.asarray(serving, dtype=np.int64), billed, billed)


def test_a_run_does_not_differ_from_itself():
    rng = np.random.default_rng(1)
    load = rng.uniform(1, 9, 3000)
    one = run(rng.integers(1, 9, 3000))
    found = difference(one, one, load, rng)
    assert found.cost == Interval(0.0, 0.0, 0.0)
    assert found.violations == Interval(0.0, 0.0, 0.0)
    assert not found.cost.excludes_zero


def test_the_difference_is_that_of_the_measures():
    rng = np.random.default_rng(2)
    load = rng.uniform(1, 9, 5000)
    load[rng.random(5000) < 0.05] = np.nan
    one, other = run(rng.integers(1, 9, 5000)), run(rng.integers(1, 9, 5000))
    found = difference(one, other, load, rng, block=60)
    known = ~np.isnan(load)
    expected = violations(load[known], one.serving[known]) - violations(load[known], other.serving[known])
    assert found.violations.value == pytest.approx(expected)
    assert found.cost.value == pytest.approx(100 * (one.billed.sum() / other.billed.sum() - 1))
    assert found.cost.low < found.cost.value < found.cost.high
    assert found.violations.low < found.violations.value < found.violations.high
    assert found.blocks == 5000 // 60


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(3)
    load, one, other = rng.uniform(1, 9, 900), run(rng.integers(1, 9, 900)), run(rng.integers(1, 9, 900))
    first, second = (difference(one, other, load, np.random.default_rng(7)) for _ in range(2))
    assert first == second


def test_pairing_sees_a_small_difference_under_a_load_that_varies_much():
    rng = np.random.default_rng(4)
    days = rng.uniform(5, 100, 20)  # from day to day, cost varies twenty-fold
    base = np.repeat(days.astype(np.int64), 1440)
    dearer = base + (rng.random(len(base)) < 0.5)
    found = difference(run(dearer), run(base), base.astype(float), rng)
    assert found.cost.excludes_zero
    assert 0 < found.cost.low < found.cost.value < found.cost.high < 3


def test_a_short_load_is_cut_into_five_and_one_minute_is_no_error():
    rng = np.random.default_rng(5)
    load = rng.uniform(1, 9, 1000)
    assert difference(run(rng.integers(1, 9, 1000)), run([5] * 1000), load, rng).blocks == 5
    found = difference(run([2]), run([1]), np.array([0.5]), rng)
    assert found.cost == Interval(100.0, 100.0, 100.0)


def test_a_load_of_nothing_has_no_violations():
    found = difference(run([2] * 50), run([1] * 50), np.full(50, np.nan), np.random.default_rng(6))
    assert found.violations == Interval(0.0, 0.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("days", [8, 40])
def test_the_interval_holds_the_truth_as_often_as_it_says(days):
    """Differences that are correlated within and across days: AR(1) with a memory of two hours.

    Blocks of 48 half hours for a day, so that 400 trials are quick. The truth is a difference
    of 10 %; the interval is to hold it in 95 % of trials, give or take what 400 can tell.
    """
    rng, slots, trials, held = np.random.default_rng(8), 48, 400, 0
    for _ in range(trials):
        noise, value = np.empty(days * slots), 0.0
        for i, shock in enumerate(rng.normal(0, 1, len(noise)).tolist()):
            value = 0.8 * value + shock
            noise[i] = value
        billed = np.full(len(noise), 100)
        other = np.rint(110 + 6 * noise).astype(np.int64)
        found = difference(run(other), run(billed), billed.astype(float), rng, draws=400, block=slots).cost
        held += found.low <= 10.0 <= found.high
    assert 0.91 <= held / trials <= 0.985
