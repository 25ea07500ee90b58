"""The confidence sequence keeps its error rate however often one looks, and finds what is there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.engine.sequential import deviation, interval, radius

MOST, RUNS = 200, 4000


def halves(draws, alpha):
    """Mean and half the width of the sequence after every difference, row by row."""
    n = np.arange(1, draws.shape[1] + 1)
    mean = np.cumsum(draws, axis=1) / n
    squares = np.cumsum(draws**2, axis=1) - n * mean**2
    s = np.sqrt(np.maximum(squares, 0) / np.maximum(n - 1, 1))
    reach = np.array([radius(int(k), alpha) for k in n])
    known = np.isfinite(reach)
    half = np.full(draws.shape, np.inf)
    half[:, known] = reach[known] * s[:, known]
    return mean, half


def first_decided(draws, alpha, null=0.0):
    """For each row of differences: after how many the interval first left out `null`; 0 for never."""
    mean, half = halves(draws, alpha)
    out = np.abs(mean - null) > half
    return np.where(out.any(axis=1), out.argmax(axis=1) + 1, 0)


def centred(kind, rng, size):
    """Differences of two like slices: symmetric, whatever the slices are."""
    if kind == "normal":
        return rng.normal(size=size)
    if kind == "laplace":
        return rng.laplace(size=size)
    if kind == "rare bursts":
        return (
            (rng.random(size) < 0.1) * rng.exponential(size=size)
            - (rng.random(size) < 0.1) * rng.exponential(size=size)
            + 0.05 * rng.normal(size=size)
        )
    return rng.lognormal(0, 0.8, size) - rng.lognormal(0, 0.8, size)


@pytest.mark.parametrize("kind", ["normal", "laplace", "lognormal", "rare bursts"])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_looking_after_every_pair_finds_what_is_not_there_at_most_alpha_of_the_time(kind, alpha):
    draws = centred(kind, np.random.default_rng(1), (RUNS, MOST))
    rate = np.count_nonzero(first_decided(draws, alpha)) / RUNS
    assert rate <= alpha + 2 * np.sqrt(alpha * (1 - alpha) / RUNS)


def test_a_fixed_test_would_not():
    """Looking at t > 1.96 after every pair: the very mistake this is there to avoid."""
    draws = np.random.default_rng(1).normal(size=(RUNS, MOST))
    n = np.arange(1, MOST + 1)
    t = np.abs(np.cumsum(draws, axis=1) / np.sqrt(n))[:, 4:]
    assert (t > 1.96).any(axis=1).mean() > 0.25


@pytest.mark.parametrize("effect", [0.4, 0.8, 1.5, 3.0])
def test_what_is_there_is_found_nearly_as_soon_as_by_a_fixed_test(effect):
    draws = effect + np.random.default_rng(2).normal(size=(1000, 400))
    found = first_decided(draws, 0.05)
    assert (found > 0).mean() > 0.99
    fixed = (2.8 / effect) ** 2  # 80 % power at 5 %, variance known, looked at once
    assert np.median(found) <= 2 * fixed + 8


def test_harm_is_called_where_there_is_none_at_most_alpha_of_the_time():
    """One-sided: the lower end of the two-sided sequence at twice alpha, at the very margin."""
    draws, alpha = np.random.default_rng(3).normal(size=(RUNS, MOST)), 0.05
    mean, half = halves(draws, 2 * alpha)
    assert (mean - half > 0).any(axis=1).mean() <= alpha


@given(st.integers(2, 400), st.floats(0.001, 0.5))
def test_more_differences_and_more_errors_allowed_narrow_it(n, alpha):
    assert radius(n + 1, alpha) <= radius(n, alpha)
    assert radius(n, alpha) <= radius(n, alpha / 2)


@given(st.lists(st.floats(-100, 100), min_size=5, max_size=40), st.floats(0.1, 10), st.floats(-50, 50))
def test_it_moves_and_stretches_with_the_differences(values, scale, shift):
    one, other = interval(values, 0.2), interval([scale * v + shift for v in values], 0.2)
    if one.low is not None:
        assert other.low == pytest.approx(scale * one.low + shift, abs=1e-6)
        assert other.high == pytest.approx(scale * one.high + shift, abs=1e-6)


def test_few_or_equal_differences_prove_nothing():
    assert interval([], 0.05).n == 0
    assert interval([1.0, 1.0, 1.0], 0.05).low is None
    found = interval([0.0] * 8, 0.05, floor=0.1)
    assert found.low < -0.1 < 0.1 < found.high
    assert deviation([5.0]) == 0.0
