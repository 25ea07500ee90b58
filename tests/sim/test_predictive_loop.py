"""The predictive policy at work: it keeps its budget, beats the status quo, and survives whatever comes."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.engine.settings import TargetSettings
from forescale.engine.step import step
from forescale.model.decision import Direction
from forescale.model.effect import Decided
from forescale.model.event import Forecasted, Observed
from forescale.model.fleet import FleetStatus
from forescale.model.forecast import Forecast, NotReady
from forescale.model.sample import Sample, Unit
from forescale.model.state import State
from forescale.model.value import decode, encode
from forescale.series.trace import Trace
from forescale.sim import backtest
from forescale.sim.backtest import compare, forecast_each_minute, play, simulate
from forescale.sim.baselines import target_tracking
from forescale.sim.generator import daily_load
from forescale.sim.synthetic import Shape, synthesise

DAY, LEAD = 1440, 4
QUICK = {"models": ["persistence", "seasonal_naive"]}
OPEN = {"min": 1, "cooldown": {"out": 0, "in": 0}, "stabilisation": {"in": 0}, "reversals": {"count": 1000}}


def configured(guards=OPEN, **policy):
    fields = {"policies": [{"type": "predictive"} | policy], "guards": guards, "forecast": QUICK}
    return TargetSettings.model_validate(fields)


LOADS = {
    "daily": lambda n: daily_load(1, n),
    "growing": lambda n: synthesise(Shape(trend=0.2, noise=0.05), 2, n).trace,
    "restless": lambda n: synthesise(Shape(noise=0.12, bursts=1.0), 3, n).trace,
    "bursty": lambda n: synthesise(Shape(bursts=8.0, burst_size=0.25), 4, n).trace,
    "shifting": lambda n: synthesise(Shape(shifts=6.0, bursts=0.5), 5, n).trace,
}


@cache
def forecast_of(name, days):
    """A load of 40 instances at its 99.9th percentile, and what was forecast of it."""
    trace = LOADS[name](days * DAY).scaled(40)
    return trace, forecast_each_minute(configured(), trace, LEAD)


def scored(name, days, warmup, **policy):
    """The measures of the policy, of what it replaces, and of the best there could be."""
    trace, forecasts = forecast_of(name, days)
    run = simulate(configured(**policy), trace, LEAD, forecasts=forecasts)
    runs = {"ours": run.after(warmup), "theirs": target_tracking(trace, LEAD).after(warmup)}
    return compare(runs, trace.load[warmup:], LEAD)


@pytest.mark.slow
def test_what_is_violated_is_near_what_was_asked_for():
    """Within 0.3 to 1.2 times of 1 % on most of them; with no more actions than target tracking has."""
    near = []
    for name in LOADS:
        found = scored(name, 6, 3 * DAY, budget="1%")
        ours, theirs = found["ours"], found["theirs"]
        near.append(0.3 <= ours.violations <= 1.2)
        assert ours.violations <= 2.5, name
        assert ours.actions_per_day <= 1.1 * theirs.actions_per_day, name
    assert np.mean(near) >= 0.75


@pytest.mark.slow
@pytest.mark.parametrize("name", ["growing", "restless"])
def test_a_smaller_budget_costs_more_and_violates_less(name):
    loose, tight = (scored(name, 6, 3 * DAY, budget=budget)["ours"] for budget in ("3%", "0.3%"))
    assert loose.cost < tight.cost
    assert loose.violations > tight.violations


@pytest.mark.slow
@pytest.mark.parametrize("name", ["growing", "restless"])
def test_against_the_status_quo_it_is_cheaper_and_no_worse(name):
    """Where the load can be forecast by such simple models as these.

    In three days, four minutes are a tenth of a percent: one burst that either of them misses.
    """
    found = scored(name, 6, 3 * DAY, budget="status-quo")
    ours, theirs = found["ours"], found["theirs"]
    assert ours.cost < theirs.cost
    assert ours.violations <= max(theirs.violations, 0.1)
    assert ours.actions_per_day <= 1.1 * theirs.actions_per_day


def test_a_crash_at_any_moment_changes_no_decision(monkeypatch):
    """The state through its JSON after every step: memos, tallies, arms and forecast are all in it."""
    trace = daily_load(7, 700).scaled(20)
    cfg = configured(guards={"min": 1}, budget="1%")
    forecasts = forecast_each_minute(cfg, trace, LEAD)

    def decisions():
        found = []
        run = simulate(cfg, trace, LEAD, forecasts=forecasts, watch=lambda *x: found.append(encode(x[2])))
        return run.billed.tolist(), found

    plain = decisions()
    assert len(set(plain[0])) > 5

    def crashing(state, event, settings):
        after, effects = step(decode(encode(state), State), decode(encode(event), type(event)), settings)
        return decode(encode(after), State), effects

    monkeypatch.setattr(backtest, "step", crashing)
    assert decisions() == plain


def test_play_is_forecast_and_simulation():
    trace, cfg = daily_load(3, 400).scaled(10), configured(budget="1%")
    run, notes = play(cfg, trace, LEAD)
    same = simulate(cfg, trace, LEAD, forecasts=forecast_each_minute(cfg, trace, LEAD))
    assert run.billed.tolist() == same.billed.tolist()
    assert notes == ()


def test_settings_without_a_predictive_policy_need_no_forecasts():
    cfg = TargetSettings.model_validate({"policies": [{"type": "target_tracking"}]})
    assert forecast_each_minute(cfg, daily_load(1, 300).scaled(5), LEAD) == ()


def test_it_goes_on_through_a_hole_in_the_data():
    """Forty minutes of nothing: no scale-in in them, and scaling as before after them."""
    trace = daily_load(5, 900).scaled(20)
    load = trace.load.copy()
    load[600:640] = np.nan
    cfg = configured(guards={"min": 1}, budget="1%")
    run, _ = play(cfg, Trace(trace.start, load, points=len(load)), LEAD)
    dark = run.desired[600:640]
    assert np.all(np.diff(dark) >= 0)
    assert np.count_nonzero(np.diff(run.desired[645:])) > 3


# --- whatever comes -----------------------------------------------------------------------------

VALUES = st.sampled_from([None, 0.0, 20.0, 60.0, 95.0, 300.0, float("nan"), float("inf"), -3.0, 1e300])
CENTRES = st.sampled_from([0.0, 0.4, 3.0, 12.0, 1e4, 1e12])
SPREADS = st.sampled_from([0.0, 0.3, 5.0])
ODD = st.sampled_from([(), ((0.5, 3.0),), ((0.9, 3.0), (0.5, 9.0)), ((0.5, -4.0), (0.99, -1.0))])
AIMS = st.sampled_from(
    [{"budget": "1%"}, {"budget": "status-quo"}, {"quantile": "99%"}, {"violation_cost": 30}]
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("see"), VALUES),
        st.tuples(st.just("see"), VALUES),
        st.tuples(st.just("forecast"), st.tuples(CENTRES, SPREADS)),
        st.tuples(st.just("odd"), ODD),
        st.tuples(st.just("late"), st.integers(-200, 2000)),
        st.tuples(st.just("clock"), st.integers(-4000, 4000)),
    ),
    min_size=1,
    max_size=40,
)


def row(centre, spread):
    levels = (0.05, 0.5, 0.9, 0.99, 0.999)
    return tuple((level, centre * (1 + spread * i / 4)) for i, level in enumerate(levels))


@settings(max_examples=150, deadline=None)
@given(AIMS, EVENTS, st.integers(0, 30))
def test_no_exception_and_never_fewer_while_demand_is_absent(aim, events, desired):
    """Through the engine, live: values, forecasts and clocks of every kind, in any order."""
    cfg = configured(**aim)
    state, now = State("web"), 1_767_571_200.0
    ahead = row(3.0, 0.3)
    for kind, what in events:
        if kind == "clock":
            now += what
            continue
        if kind == "see":
            now += 60.0
            sample = Sample("cpu", now - 60.0, what, Unit.PERCENT, "test")
            fleet = FleetStatus(desired, 0, 50, desired, 0)
            state, effects = step(state, Observed("r", now, (sample,), fleet), cfg)
            (decision,) = (e.decision for e in effects if isinstance(e, Decided))
            if decision.demand is None:
                assert decision.direction is not Direction.IN
            elif "no forecast" not in decision.reasons[0].text:
                assert decision.desired >= min(np.ceil(decision.demand - 1e-6), 50)
            desired = decision.desired
        else:
            ahead = row(*what) if kind == "forecast" else what if kind == "odd" else ahead
            made = now - what if kind == "late" else now
            state, _ = step(state, Forecasted("f", now, Forecast(made, 300.0, "it", ahead)), cfg)
        assert decode(encode(state), State) == state
    assert isinstance(state.forecast, Forecast | NotReady | None)
