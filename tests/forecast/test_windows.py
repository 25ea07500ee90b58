"""Sliding windows, against what they mean written out."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forescale.forecast.windows import age_of, forward_filled, realised, trailing_max, trailing_sum

NAN = np.nan
whole = st.integers(-1000, 1000).map(float)
loads = st.lists(st.one_of(whole, st.just(NAN)), min_size=1, max_size=60).map(np.array)


@given(st.lists(whole, min_size=1, max_size=60).map(np.array), st.integers(1, 70))
def test_a_trailing_sum_is_the_sum_of_the_last_values(values, width):
    expected = [sum(values[max(t - width + 1, 0) : t + 1]) for t in range(len(values))]
    assert trailing_sum(values, width).tolist() == expected


@given(loads, st.integers(1, 70))
def test_a_trailing_maximum_leaves_out_what_is_absent(values, width):
    for t, found in enumerate(trailing_max(values, width)):
        window = values[max(t - width + 1, 0) : t + 1]
        known = window[~np.isnan(window)]
        assert found == (known.max() if len(known) else -np.inf)


@given(st.integers(0, 40), st.integers(1, 20))
def test_a_sum_does_not_depend_on_where_the_data_begins(first, width):
    values = np.random.default_rng(first).random(100) * 1e6
    late = trailing_sum(values[first:], width)
    assert np.array_equal(trailing_sum(values, width)[first + width :], late[width:])  # to the last bit


@given(loads, st.integers(1, 10))
def test_what_came_about_is_the_maximum_ahead(values, horizon):
    origins = np.arange(len(values) + 1)
    for origin, found in zip(origins, realised(values, origins, horizon), strict=True):
        ahead = values[origin : origin + horizon]
        if len(ahead) < horizon or np.all(np.isnan(ahead)):
            assert np.isnan(found)
        else:
            assert found == np.nanmax(ahead)


def test_filling_forward_and_ages():
    values = np.array([NAN, 1.0, NAN, NAN, 4.0])
    assert np.array_equal(forward_filled(values), [NAN, 1, 1, 1, 4], equal_nan=True)
    assert age_of(~np.isnan(values)).tolist() == [0, 0, 1, 2, 0]
