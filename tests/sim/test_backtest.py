"""Engine and plant together, against an independent simulation and its published figures."""

from math import nan, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_target_tracking import target_tracking

from forescale.engine.settings import TargetSettings
from forescale.model.errors import ConfigError
from forescale.series.trace import Trace
from forescale.sim.backtest import backtest, compare, simulate
from forescale.sim.baselines import baseline_target_tracking, static
from forescale.sim.oracle import needed, oracle

WEEK = 7 * 1440
WORLD_CUP = "web_worldcup98_a_1min.csv.gz:requests"
AZURE = "cluster_azure_v2_cpu_5min.csv:cpu_core_pct_sum"
ELB = "aws_elb_request_count_5min.csv:requests"


def same(run, reference):
    for ours, theirs in zip((run.serving, run.billed, run.desired), reference, strict=True):
        np.testing.assert_array_equal(ours, np.array(theirs))


# steps of pi/400 instances: no load is exactly on a threshold, where rounding would decide
level = st.integers(0, 2000).map(lambda k: k * pi / 400)
# gaps are shorter than what the engine remembers: the plain loop never forgets
stretch = st.tuples(level, st.integers(1, 9), st.one_of(st.just(0), st.integers(1, 9)))
loads = st.lists(stretch, min_size=1, max_size=60).map(
    lambda stretches: [x for value, minutes, gap in stretches for x in [value] * minutes + [nan] * gap]
)


@settings(max_examples=150, deadline=None)
@given(loads, st.integers(0, 20))
def test_target_tracking_is_what_an_independent_simulation_says(load, lead):
    run = simulate(baseline_target_tracking(), Trace(0.0, np.array(load)), lead)
    same(run, target_tracking(load, lead))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "cost", "violations"), [(WORLD_CUP, 1.68, 0.62), (AZURE, 1.72, 0.0), (ELB, 2.09, 21.4)]
)
def test_published_figures(recorded, spec, cost, violations):
    """7 days of warm-up, lead time 4 minutes, p99.9 = 40 instances.

    The published violations of World Cup are those of a load whose ten absent minutes are
    filled in, which here they are not (0.612 % against 0.618 %): hence 2 %, not nothing.
    """
    trace = recorded(spec)
    run = simulate(baseline_target_tracking(), trace, 4)
    same(run, target_tracking(trace.load.tolist(), 4))
    found = compare({"it": run.after(WEEK)}, trace.load[WEEK:], 4)["it"]
    assert found.cost == pytest.approx(cost, rel=0.005)
    assert found.violations == pytest.approx(violations, rel=0.02)


@settings(max_examples=60, deadline=None)
@given(loads, st.integers(0, 6), st.floats(0.1, 1.0))
def test_target_tracking_never_costs_less_than_the_oracle_for_what_it_serves(load, lead, target):
    trace = Trace(0.0, np.array(load))
    run = simulate(baseline_target_tracking(target), trace, lead)
    met = np.minimum(trace.load, run.serving)
    assert (run.billed >= oracle(needed(met), lead)).all()


def tracking(signal=None, demand=None, **guards):
    policy = {"type": "target_tracking", "out_after": "1m", "in_after": "5m"}
    settings = {
        "policies": [policy],
        "guards": {"stabilisation": {"in": 0}, "cooldown": {"in": 0, "out": 0}, **guards},
    }
    if signal:
        settings |= {"signals": {"x": signal}, "demand": {"signal": "x", **(demand or {})}}
    return TargetSettings.model_validate(settings)


WAVE = Trace(0.0, 20 + 19 * np.sin(np.arange(2000) / 150))


@pytest.mark.parametrize(
    ("signal", "demand"),
    [
        ({"unit": "percent"}, {"per_instance": 80}),
        ({"unit": "per_second"}, {"per_instance": 120}),
        ({"unit": "count"}, {"per_instance": 7200, "scope": "instance"}),
        ({"unit": "percent"}, {"scope": "group"}),
    ],
)
def test_any_demand_signal_gives_the_same_run(signal, demand):
    same_as = simulate(tracking(), WAVE, 4)
    run = simulate(tracking(signal, demand), WAVE, 4)
    same(run, (same_as.serving, same_as.billed, same_as.desired))
    assert len(set(run.billed.tolist())) > 10


@pytest.mark.parametrize("period", ["10s", "30s"])
def test_shorter_buckets_give_the_same_run(period):
    same_as = simulate(tracking(), WAVE, 4)
    run = simulate(tracking({"period": period}), WAVE, 4)
    same(run, (same_as.serving, same_as.billed, same_as.desired))


def test_longer_buckets_are_seen_later():
    every = simulate(tracking({"period": "5m", "max_age": "10m"}), WAVE, 4)
    changes = np.flatnonzero(np.diff(every.desired)) + 1
    assert len(changes) > 20
    assert set((changes % 5).tolist()) == {4}  # decided when a bucket of five minutes is complete


def test_a_period_that_does_not_fit_minutes_is_refused():
    with pytest.raises(ConfigError, match="period of 45s"):
        simulate(tracking({"period": "45s"}), WAVE, 4)


def test_without_a_demand_signal_there_is_nothing_to_drive():
    with pytest.raises(ConfigError, match="no demand signal"):
        simulate(TargetSettings(demand=None), WAVE, 4)


def test_absence_is_not_zero():
    """An outage of the metrics, of any length, removes nothing; the same outage as zeros would."""
    load = np.full(600, 20.0)
    load[200:500] = nan
    quiet = simulate(baseline_target_tracking(), Trace(0.0, load), 4)
    assert set(quiet.billed[20:].tolist()) == {34}
    zeros = simulate(baseline_target_tracking(), Trace(0.0, np.nan_to_num(load)), 4)
    assert zeros.billed.min() == 1


def test_absent_minutes_are_billed_but_not_scored():
    load = np.full(600, 20.0)
    load[200:500] = nan
    found = compare({"it": static(10, 600)}, load, 4)
    assert found["it"].tau_u == 100.0
    assert found["it"].instance_hours == 100.0
    assert found["oracle"].instance_hours == pytest.approx((300 * 20 + 4 * 20 + 296) / 60)


def test_guards_hold_in_the_simulation():
    run = simulate(tracking(max=12, min=3, max_step={"down": 2}), WAVE, 4)
    assert run.billed[10:].max() == 12  # it starts with the 20 that are needed
    assert run.billed.min() == 3
    assert np.diff(run.desired).min() == -2


def test_minimum_life_is_kept():
    """For an hour nothing is removed: first the 20 of the start are old enough, then the 14 after."""
    peak = Trace(0.0, np.repeat([20.0, 2.0], [10, 90]))
    free, kept = (simulate(tracking(min_life=life), peak, 4) for life in (0, "1h"))
    assert free.billed[1] == 34
    assert free.billed[50] == 4  # 2 / 0.6
    assert kept.billed[1:60].min() == 34
    assert kept.billed[70] == 4


def test_the_same_run_twice_is_the_same():
    first, second = (simulate(tracking(), WAVE, 4) for _ in range(2))
    same(first, (second.serving, second.billed, second.desired))


def test_progress_is_told():
    told = []
    simulate(tracking(), WAVE, 4, progress=told.append)
    assert sum(told) <= 2000 < sum(told) + 720


def test_the_comparison_scores_what_follows_the_warm_up():
    trace = Trace(0.0, np.abs(np.sin(np.arange(3000) / 200)) + 0.1)
    found = backtest(tracking(), trace, peak_instances=30, lead=4, warmup=600)
    assert list(found.strategies) == ["configured", "target-tracking", "static-peak", "oracle"]
    assert (found.start, found.warmup, len(found.load)) == (36000.0, 600, 2400)
    np.testing.assert_array_equal(found.load, trace.scaled(30).load[600:])
    whole = simulate(tracking(), trace.scaled(30), 4)
    same(found.configured, (whole.serving[600:], whole.billed[600:], whole.desired[600:]))
    assert found.strategies["configured"] == compare({"it": found.configured}, found.load, 4)["it"]
    assert found.strategies["static-peak"].instance_hours == 30 * 2400 / 60
    assert found.notes == ()


def test_bounds_that_do_not_suit_the_load_are_told():
    trace = Trace(0.0, np.linspace(0, 1, 500))
    low = backtest(tracking(max=9), trace, peak_instances=30, lead=4, warmup=0)
    assert low.notes == ("guards.max is 9, but the load needs up to 31 instances: it cannot be met",)
    high = backtest(tracking(min=50), trace, peak_instances=30, lead=4, warmup=0)
    assert high.notes == ("guards.min is 50, but the load never needs more than 31 instances",)


def test_each_decision_can_be_watched():
    seen = []
    simulate(
        tracking(), WAVE, 4, watch=lambda minute, state, decision: seen.append((minute, state, decision))
    )
    run = simulate(tracking(), WAVE, 4)
    assert [minute for minute, _, _ in seen] == list(range(len(WAVE)))
    assert [decision.desired for _, _, decision in seen] == run.desired.tolist()
    assert all(state.time == WAVE.time(minute + 1) for minute, state, _ in seen)
