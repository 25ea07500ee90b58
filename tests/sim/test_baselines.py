"""The built-in rivals: each against the rules it is documented to follow."""

from itertools import pairwise
from math import ceil, nan, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.model.errors import ConfigError
from forescale.series.trace import Trace
from forescale.sim.aws_forecast import hourly_floor
from forescale.sim.backtest import simulate
from forescale.sim.baselines import (
    BASELINES,
    aws_predictive,
    baseline_target_tracking,
    find_baseline,
    hpa,
    oracle_run,
    static_peak,
    target_tracking,
)
from forescale.sim.generator import daily_load
from forescale.sim.oracle import needed

DAY = 1440
# steps of pi/400 instances: no load is exactly on a threshold, where rounding would decide
level = st.integers(0, 2000).map(lambda k: k * pi / 400)
stretch = st.tuples(level, st.integers(1, 9), st.integers(0, 9))
loads = st.lists(stretch, min_size=1, max_size=40).map(
    lambda stretches: [x for value, minutes, gap in stretches for x in [value] * minutes + [nan] * gap]
)


def flat(*stretches):
    """A load of (value, minutes) stretches."""
    return Trace(0.0, np.concatenate([np.full(minutes, float(value)) for value, minutes in stretches]))


@settings(max_examples=150, deadline=None)
@given(loads, st.integers(1, 9), st.sampled_from([0.4, 0.6, 0.85]))
def test_target_tracking_does_in_every_minute_what_the_engine_does(load, lead, target):
    """But for a boot of no time: the engine sees at the end of a minute only what served all through it."""
    trace = Trace(0.0, np.array(load))
    quick, engine = (
        target_tracking(trace, lead, target),
        simulate(baseline_target_tracking(target), trace, lead),
    )
    for ours, theirs in zip(
        (quick.serving, quick.billed, quick.desired),
        (engine.serving, engine.billed, engine.desired),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_hpa_goes_to_the_target_at_once_and_not_within_its_tolerance():
    # 6 pods at 0.65 are 8 % above 0.6: within the tolerance. At 0.7 they are 17 % above.
    run = hpa(flat((6, 1), (3.9, 5), (4.2, 5)), 0)
    assert run.desired.tolist()[0] == 10  # ⌈6 / 0.6⌉
    held = hpa(flat((6, 10), (6.5, 5)), 0)  # 10 pods at 0.65
    assert set(held.desired.tolist()) == {10}
    grown = hpa(flat((6, 10), (7, 5)), 0)  # 10 pods at 0.7, so ⌈7 / 0.6⌉
    assert grown.desired[10] == 12


def test_hpa_scales_in_to_the_largest_recommendation_of_five_minutes():
    run = hpa(flat((6, 10), (3, 10)), 0)
    # recommended from minute 10 on: 5; the last 10 was recommended at the end of minute 9
    assert run.desired.tolist() == [10] * 14 + [5] * 6
    dip = hpa(flat((6, 10), (3, 4), (6, 10)), 0)
    assert set(dip.desired.tolist()) == {10}  # a dip shorter than the window changes nothing


def test_hpa_adds_four_times_the_larger_of_all_and_four_pods_in_a_minute():
    # from 1: 5, 10, 20, 40 in the four evaluations of a minute
    run = hpa(flat((0.5, 5), (60, 3)), 0)
    assert run.desired.tolist()[:5] == [1] * 5
    assert run.desired.tolist()[5:] == [40, 100, 100]


def test_hpa_takes_pods_that_boot_for_idle_ones_and_so_does_not_ask_twice():
    run = hpa(flat((6, 10), (12, 10)), 4)
    assert run.desired.tolist()[10:] == [20] * 10
    # while 10 boot, 13 would be 1.3 of the target of the 10 ready, but 13 / 20 / 0.6 is 8 % above
    run = hpa(flat((6, 10), (12, 1), (13, 3)), 4)
    assert run.desired.tolist()[10:] == [20] * 4
    # a scale-out that would turn into a scale-in with them is none
    run = hpa(flat((6, 10), (12, 1), (8, 3)), 4)
    assert run.desired.tolist()[10:] == [20] * 4


def test_hpa_does_nothing_without_a_metric():
    trace = Trace(0.0, np.array([6.0] * 5 + [nan] * 30 + [6.0] * 5))
    assert set(hpa(trace, 2).desired.tolist()) == {10}


def days(*levels, hours=None):
    """Whole days: a shape of 24 hours times a level for each."""
    shape = np.ones(24) if hours is None else np.asarray(hours, dtype=float)
    return Trace(0.0, np.concatenate([np.repeat(shape * level, 60) for level in levels]))


NIGHT_AND_DAY = [1] * 8 + [6] * 10 + [1] * 6


def test_aws_predictive_says_nothing_for_a_day_and_then_leads_each_hour_by_the_boot():
    trace = days(1, 1, hours=NIGHT_AND_DAY)
    floor = hourly_floor(trace, 4, 0.6)
    first = 24 * 60 - 1  # the end of the first day: 24 hours are known
    # the hour that begins then could be known of 4 minutes before only by a forecast made before
    assert set(floor[: first - 4].tolist()) == {0}
    eight = DAY + 8 * 60
    assert set(floor[first : eight - 5].tolist()) == {2}  # ⌈1 / 0.6⌉
    # decided at the end of minute t, a launch serves from t + 1 + 4: so at the end of minute 7:55
    assert floor[eight - 6] == 2
    assert set(floor[eight - 5 : DAY + 18 * 60 - 1].tolist()) == {10}  # ⌈6 / 0.6⌉
    assert floor[DAY + 18 * 60 - 1] == 2  # the minimum of the next hour holds when that begins


def test_aws_predictive_is_there_when_the_second_morning_comes():
    trace = days(1, 1, hours=NIGHT_AND_DAY)
    predictive, reactive = aws_predictive(trace, 4), target_tracking(trace, 4)
    morning = slice(DAY + 8 * 60, DAY + 8 * 60 + 8)
    assert predictive.serving[morning].min() == 10
    assert reactive.serving[morning].min() == 2
    assert (predictive.desired >= reactive.desired).all()


def test_aws_predictive_leaves_scaling_in_to_target_tracking():
    trace = days(1, 1, hours=NIGHT_AND_DAY)
    evening = DAY + 18 * 60
    run = aws_predictive(trace, 4)
    assert run.desired[evening] == 10  # the forecast is 2 already, utilisation not low for long enough
    assert run.desired[evening + 20] == 2


def test_aws_predictive_follows_the_level_of_the_last_day_and_last_weeks_step():
    # six days at 1, a day of rest at 0.5; a week later the step to and from that day is known
    trace = days(*[1] * 6, 0.5, *[1] * 6, 0.5, 1, hours=np.full(24, 6.0))
    floor = hourly_floor(trace, 0, 0.6)
    at_three = {day: int(floor[day * DAY + 180]) for day in (1, 7, 13, 14)}  # by the forecast of midnight
    assert at_three[1] == 10
    assert at_three[7] == 5  # the first day after rest: it knows no week yet, so the level of the last day
    assert at_three[13] == 5  # the day of rest: half its eve, as a week ago
    assert at_three[14] == 10  # and the day after, twice


def test_aws_predictive_forecasts_every_six_hours_only():
    load = np.concatenate((np.full(DAY, 6.0), np.full(DAY, 12.0)))
    floor = hourly_floor(Trace(0.0, load), 0, 0.6)
    assert set(floor[DAY - 1 : DAY + 6 * 60 - 1].tolist()) == {10}
    # each refresh sees six hours more of the new level
    changes = [t + 2 for t, (a, b) in enumerate(pairwise(floor.tolist())) if a != b]
    assert all(t % 360 == 0 for t in changes)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4 * DAY), st.integers(0, 30))
def test_the_floor_knows_nothing_of_the_future(start, cut, lead):
    trace = daily_load(3, 5 * DAY, start=60.0 * start)
    whole = hourly_floor(trace, lead, 0.6)
    seen = np.concatenate((trace.load[:cut], np.full(200, 500.0)))
    part = hourly_floor(Trace(trace.start, seen), lead, 0.6)
    known = min(cut, len(part))
    np.testing.assert_array_equal(whole[:known], part[:known])


def test_gaps_and_zeros_leave_the_floor_finite():
    load = daily_load(1, 10 * DAY).scaled(40).load
    load[DAY : 2 * DAY] = nan
    load[4 * DAY : 6 * DAY] = 0.0
    floor = hourly_floor(Trace(0.0, load), 4, 0.6)
    assert floor.min() >= 0
    assert floor.max() < 200
    assert aws_predictive(Trace(0.0, load), 4).billed.min() >= 1


@pytest.mark.parametrize("name", BASELINES)
def test_none_undercuts_the_oracle_for_what_it_serves(name):
    trace = daily_load(7, 3 * DAY).scaled(25)
    run = find_baseline(name)(trace, 4)
    assert len(run.billed) == len(run.serving) == len(run.desired) == len(trace)
    met = np.minimum(trace.load, run.serving)
    assert (run.billed >= oracle_run(met, 4).billed).all()
    assert BASELINES[name].text


def test_the_static_peak_is_the_percentile_and_the_oracle_never_short():
    trace = daily_load(7, 3 * DAY).scaled(25)
    assert set(static_peak(trace).billed.tolist()) == {25}
    best = find_baseline("oracle")(trace, 4)
    assert (best.serving >= needed(trace.load)).all()
    assert best.serving[0] >= ceil(trace.load[0])


def test_a_baseline_may_be_given_another_target():
    trace = daily_load(7, DAY).scaled(25)
    np.testing.assert_array_equal(find_baseline("hpa:70%")(trace, 4).billed, hpa(trace, 4, 0.7).billed)
    assert (
        find_baseline("target-tracking:0.5")(trace, 4).billed.sum() > target_tracking(trace, 4).billed.sum()
    )
    assert find_baseline("hpb") is None


@pytest.mark.parametrize("name", ["hpa:", "hpa:0%", "hpa:170%", "hpa:much", "hpa:70", "oracle:70%"])
def test_a_target_that_is_none_is_refused(name):
    with pytest.raises(ConfigError, match=name.partition(":")[0]):
        find_baseline(name)


def test_aws_predictive_does_not_take_an_outage_for_a_forecast():
    load = daily_load(1, 20 * DAY).scaled(40).load
    load[8 * DAY : 12 * DAY - 60] = nan  # four days but for an hour
    floor = hourly_floor(Trace(0.0, load), 4, 0.6)
    assert floor[12 * DAY :].max() < 2 * np.nanmax(load) / 0.6
