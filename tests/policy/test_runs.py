"""For how long a series has been beyond a threshold, and what silence means there."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.policy.runs import lasted


def above(values, enough, *, threshold=70.0, period=60.0):
    return lasted(newest_first(values, period), period, enough, above=threshold)


def below(values, enough, *, threshold=30.0, period=60.0):
    return lasted(newest_first(values, period), period, enough, below=threshold)


def newest_first(values, period):
    """Oldest first in, as people write it; `...` is a bucket that was never told."""
    pairs = [(period * i, value) for i, value in enumerate(values)]
    return [pair for pair in reversed(pairs) if pair[1] is not ...]


@pytest.mark.parametrize(
    ("values", "enough", "expected"),
    [
        ([80, 80, 80], 180, True),
        ([80, 80], 180, False),
        ([80, 50, 80, 80], 180, False),
        ([80, 80, 80, 50], 180, False),
        ([80, 70, 80], 180, False),  # at the threshold is not above it
        ([80], 0, True),
        ([50], 0, False),  # even at once, it must be above
        ([], 0, False),
        ([80, None, 80], 180, True),  # silence does not prove that load has gone
        ([80, ..., 80], 180, True),
        ([80, 80, 80, None], 180, True),
        ([80, None, None, None, None, 80], 180, True),
        ([80, ..., ..., ..., ..., 80], 180, True),
        ([80, ..., ..., ..., 50, 80], 180, False),
        ([None, None], 60, False),
    ],
)
def test_above(values, enough, expected):
    assert above(values, enough) is expected


@pytest.mark.parametrize(
    ("values", "enough", "expected"),
    [
        ([20, 20, 20], 180, True),
        ([20, 20], 180, False),
        ([0, 0, 0], 180, True),
        ([20, 30, 20], 180, False),
        ([20], 0, True),
        ([50], 0, False),
        ([], 0, False),
        ([20, None], 0, False),  # absent never scales in
        ([20, None, 20], 180, False),
        ([20, ..., 20], 180, False),
        ([20, 20, 20, None], 180, False),
        ([20, None, 20, 20, 20], 180, True),
    ],
)
def test_below(values, enough, expected):
    assert below(values, enough) is expected


@given(st.integers(1, 600), st.integers(0, 50), st.floats(0.1, 4000))
def test_a_full_run_lasts_exactly_as_long_as_its_buckets(count, more, period):
    start = 1_767_571_200.0
    values = [(start - period * i, 80.0) for i in range(count)]
    assert lasted(values, period, count * period, above=70.0)
    assert not lasted(values, period, (count + 1 + more) * period, above=70.0)


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=30), st.integers(0, 1800))
def test_more_silence_never_makes_a_run_below(values, enough):
    """Take any bucket away: what did not call for a scale-in before does not do so now."""
    if below(values, enough, threshold=0.0):
        return
    for i in range(len(values)):
        for hole in (None, ...):
            if i < len(values) - 1 or hole is None:
                assert not below([*values[:i], hole, *values[i + 1 :]], enough, threshold=0.0)


@given(st.lists(st.floats(0, 100), max_size=40), st.lists(st.floats(0, 100)), st.integers(0, 900))
def test_what_is_older_than_the_run_does_not_matter(values, older, enough):
    values = [*[80.0] * (enough // 60 + 1), *values]
    assert above(values, enough) is above([*older, *values], enough)
    assert below(values, enough) is below([*older, *values], enough)


def test_a_threshold_at_infinity_is_none():
    assert lasted([(0.0, 5.0)], 60.0, 60.0, above=-inf)
