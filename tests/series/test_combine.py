"""Many instances, one series: absence is never 0, and few do not speak for many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.model.sample import Sample, Unit
from forescale.series.combine import combine

HOWS = ["mean", "max", "min", "sum"]
values = st.one_of(st.none(), st.floats(-1e9, 1e9))
fleets = st.lists(values, min_size=1, max_size=12)


def sample(value, instance, time=60.0, signal="cpu", estimated=False):
    return Sample(signal, time, value, Unit.PERCENT, "cloudwatch", instance, estimated)


def one(fleet, how):
    (combined,) = combine([sample(v, f"i-{n}") for n, v in enumerate(fleet)], how)
    return combined


@pytest.mark.parametrize(("how", "expected"), [("mean", 40.0), ("max", 70.0), ("min", 20.0), ("sum", 120.0)])
def test_the_four_ways(how, expected):
    combined = one([20.0, 30.0, 70.0], how)
    assert combined == Sample("cpu", 60.0, expected, Unit.PERCENT, "cloudwatch")


@pytest.mark.parametrize(("how", "expected"), [("mean", 40.0), ("max", 60.0), ("min", 20.0)])
def test_an_instance_without_a_value_is_left_out_not_taken_for_0(how, expected):
    assert one([20.0, None, 60.0], how).value == expected


def test_a_sum_over_some_is_scaled_up_and_marked():
    combined = one([20.0, None, 60.0], "sum")
    assert combined.value == 120.0
    assert combined.estimated


def test_a_sum_over_all_is_measured():
    assert not one([20.0, 60.0], "sum").estimated


@pytest.mark.parametrize("how", HOWS)
def test_fewer_than_half_do_not_speak_for_all(how):
    assert one([20.0, None, None], how).value is None
    assert one([20.0, None], how).value is not None


@given(fleets, st.sampled_from(HOWS))
def test_a_value_needs_values_and_half_of_the_instances(fleet, how):
    reported = [v for v in fleet if v is not None]
    assert (one(fleet, how).value is None) == (not reported or 2 * len(reported) < len(fleet))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12))
def test_min_mean_max_are_in_order(fleet):
    low, mean, high = (one(fleet, how).value for how in ("min", "mean", "max"))
    assert low - 1e-6 <= mean <= high + 1e-6


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 3), values), max_size=30))
def test_one_sample_per_signal_and_bucket_in_order_whatever_the_order(rows):
    unique = {(s, t, i): v for s, t, i, v in rows}
    samples = [sample(v, f"i-{i}", 60.0 * t, s) for (s, t, i), v in unique.items()]
    combined = combine(samples, "max")
    keys = [(c.signal, c.time) for c in combined]
    assert keys == sorted({(s.signal, s.time) for s in samples})
    assert all(c.instance is None for c in combined)
    assert combine(reversed(samples), "max") == combined


def test_what_speaks_for_the_group_is_kept():
    group = sample(50.0, None)
    assert combine([group, sample(1.0, "i-1", 120.0)], "mean")[0] is group


def test_an_estimate_stays_one():
    combined = combine([sample(1.0, "i-1", estimated=True), sample(2.0, "i-2")], "mean")
    assert combined[0].estimated
