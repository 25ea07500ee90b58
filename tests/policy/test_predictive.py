"""The predictive policy on its own: what it asks for, what it falls back to, and how it says so."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_world import T0, observe, policy

from forescale.forecast.base import LEVELS
from forescale.forecast.newsvendor import PRICES, STAGES
from forescale.forecast.rehearsal import WAYS
from forescale.model.forecast import Forecast, Frontier, Manner, NotReady
from forescale.model.tally import Tally

DAY = 1440.0
BUDGET = policy("predictive", budget="1%")
SURE = policy("predictive", quantile="99%")


def forecast(low, high, *, time=T0, **fields):
    """Quantiles on a straight line from the lowest level to the highest."""
    width = LEVELS[-1] - LEVELS[0]
    row = tuple((p, low + (high - low) * (p - LEVELS[0]) / width) for p in LEVELS)
    return Forecast(time, 300.0, "seasonal_naive", row, **fields)


def skewed(low, high, **fields):
    """Quantiles ever farther apart the higher they are: a burst may come."""
    rows = [low * (high / low) ** (i / (len(LEVELS) - 1)) for i in range(len(LEVELS))]
    return Forecast(T0, 300.0, "seasonal_naive", tuple(zip(LEVELS, rows, strict=True)), **fields)


def frontier(violations, cost=None, actions=20.0, steps=10_000.0):
    """All manners alike: what each stage has violated, and what it has cost."""
    cost = cost or tuple(1.0 + 0.02 * i for i in range(STAGES))
    return Frontier((Manner(tuple(cost), tuple(violations), (actions,) * STAGES),) * len(WAYS), steps)


FALLING = tuple(0.2 * 0.6**i for i in range(STAGES))


def tally(violations, minutes=10_000.0, demand=10.0):
    requests = demand * 60 * minutes
    sums = (requests, requests * violations, requests * 1.5, minutes)
    return Tally(*sums, *sums, rate=12.0, until=T0, counted=T0, recent_actions=100.0)


def see(*loads, **fields):
    """The demand of the last minutes, in instances of a group of ten."""
    own = {name: fields.pop(name) for name in ("tally", "arms", "memos") if name in fields}
    desired = fields.get("desired", 10)
    values = [None if value is None else value / desired * 100 for value in loads]
    return msgspec.structs.replace(observe(*values, **({"desired": 10} | fields)), **own)


def told(proposal):
    (reason,) = proposal.reasons
    return reason.text


# --- without a forecast -----------------------------------------------------------------------


@pytest.mark.parametrize("loads", [(9, 9, 9), (5, 5, 5), (2,) * 20, (None, None)])
def test_without_a_forecast_target_tracking_decides_and_it_says_so(loads):
    tracking = policy("target_tracking", target="60%")
    obs, missing = see(*loads), NotReady("no model has been trained yet")
    found, reactive = BUDGET.propose(obs, missing), tracking.propose(obs, missing)
    assert (found.desired, found.blind, found.memo) == (reactive.desired, reactive.blind, ())
    assert told(found) == (
        f"no forecast (no model has been trained yet); target tracking at 60%: {told(reactive)}"
    )


def test_the_status_quo_has_the_target_that_was_given():
    strict = policy("predictive", status_quo={"target": "30%"})
    found = strict.propose(see(5, 5, 5, 5), NotReady("nothing"))
    assert found.desired == 17
    assert "target tracking at 30%" in told(found)


def test_a_forecast_is_acted_on_for_as_long_as_was_said():
    obs = see(9, 9, 9)
    for age in (0, 599, 600):
        assert told(SURE.propose(obs, forecast(9, 12, time=T0 - age))).startswith("seasonal_naive: ")
    late = SURE.propose(obs, forecast(9, 12, time=T0 - 660))
    assert told(late).startswith("no forecast (the forecast is 11m old); target tracking at 60%: demand 9.00")
    assert late.desired == 15
    patient = policy("predictive", quantile="99%", plan_age="1h")
    assert told(patient.propose(obs, forecast(9, 12, time=T0 - 660))).startswith("seasonal_naive: ")


# --- the floor --------------------------------------------------------------------------------


@given(
    st.floats(0, 100),
    st.floats(0, 100),
    st.floats(0, 5),
    st.sampled_from([{"budget": "1%"}, {"budget": "status-quo"}, {"quantile": 0.5}, {"violation_cost": 0.2}]),
    st.booleans(),
)
def test_it_never_asks_for_less_than_there_is_demand(demand, peak, headroom, aim, rehearsed):
    """Not even where the forecast says that it will be gone at once."""
    predictive = policy("predictive", headroom=headroom, **aim)
    known = frontier(FALLING) if rehearsed else None
    obs = see(demand, demand, desired=20, tally=tally(0.0), arms={"status-quo": tally(0.05)})
    found = predictive.propose(obs, forecast(0.0, peak, frontier=known))
    assert found.desired >= demand * (1 + headroom) - 1e-6
    assert not found.blind


def test_instances_that_carry_less_than_all_are_more():
    """At 80 % of their capacity requests are violated: a quarter more are needed, now and later."""
    obs = see(8, 8, desired=8)
    tight = msgspec.structs.replace(obs, carried=0.8)
    assert SURE.propose(tight, forecast(1, 1)).desired >= 10
    assert SURE.propose(obs, forecast(20, 20)).desired == 20
    assert SURE.propose(tight, forecast(20, 20)).desired == 25


def test_absent_demand_takes_nothing_away_and_may_still_add():
    blind = see(None, None, desired=10)
    down = SURE.propose(blind, forecast(1, 2))
    assert (down.blind, down.desired) == (True, 10)
    assert told(down).startswith("demand is absent or stale, so no fewer; ")
    up = SURE.propose(blind, forecast(28, 30))
    assert (up.blind, up.desired) == (True, 30)


# --- aims -------------------------------------------------------------------------------------


def test_a_quantile_is_kept_and_headroom_comes_on_top():
    obs = see(5, 5, desired=5)
    for level in (0.5, 0.9, 0.99, 0.999):
        found = policy("predictive", quantile=level).propose(obs, forecast(0.05 * 100, LEVELS[-1] * 100))
        assert found.desired == pytest.approx(level * 100, abs=1)
    down = minutes(policy("predictive", quantile=0.9), 40, [forecast(5, 10)] * 5)
    assert down[-1] == 10
    more = policy("predictive", quantile=0.9, headroom=0.2)
    assert more.propose(obs, forecast(5, LEVELS[-1] * 100)).desired == pytest.approx(108, abs=1)


def test_a_dearer_violation_buys_more():
    """A price between two that were rehearsed as well; beyond them the last one."""
    obs, sizes = see(5, 5, desired=5), []
    for cost in (1, 3, 10, 17.5, 100, 1000, 1e5, 1e9):
        sizes.append(policy("predictive", violation_cost=cost).propose(obs, skewed(10, 60)).desired)
    assert sizes == sorted(sizes)
    assert len(set(sizes)) >= 5
    assert policy("predictive", violation_cost=PRICES[-1]).propose(obs, skewed(10, 60)).desired == sizes[-1]


def test_a_smaller_budget_buys_more():
    obs, sizes = see(5, 5, desired=5, tally=tally(0.0, minutes=0.0)), []
    for budget in ("10%", "3%", "1%", "0.1%", "0.01%"):
        aim = policy("predictive", budget=budget)
        sizes.append(aim.propose(obs, skewed(10, 60, frontier=frontier(FALLING))).desired)
    assert sizes == sorted(sizes)
    assert len(set(sizes)) >= 4


def test_the_budget_is_kept_by_what_was_realised():
    """Above budget more protection is bought than the rehearsal asks for, below it less."""
    sizes = []
    for realised in (0.05, 0.02, 0.01, 0.005, 0.0):
        obs = see(5, 5, desired=5, tally=tally(realised))
        sizes.append(BUDGET.propose(obs, skewed(10, 60, frontier=frontier(FALLING))).desired)
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) >= 3


def test_against_the_status_quo_it_stays_below_its_cost_and_violations():
    aim = policy("predictive", budget="status-quo")
    sizes = []
    for violated in (0.1, 0.01, 0.001):
        obs = see(5, 5, desired=5, tally=tally(violated), arms={"status-quo": tally(violated)})
        sizes.append(aim.propose(obs, skewed(10, 60, frontier=frontier(FALLING))).desired)
    assert sizes == sorted(sizes)
    dear = frontier(FALLING, cost=tuple(1.0 + 0.2 * i for i in range(STAGES)))
    obs = see(5, 5, desired=5, tally=tally(0.0), arms={"status-quo": tally(0.0)})
    cheap = frontier(FALLING, cost=(1.0,) * STAGES)
    assert aim.propose(obs, skewed(10, 60, frontier=dear)).desired < sizes[-1]
    assert aim.propose(obs, skewed(10, 60, frontier=cheap)).desired >= sizes[-1]


def test_a_budget_where_nobody_said_one_is_one_percent():
    obs, ahead = see(5, 5, desired=5, tally=tally(0.01)), skewed(10, 60, frontier=frontier(FALLING))
    assert policy("predictive").propose(obs, ahead).desired == BUDGET.propose(obs, ahead).desired


@pytest.mark.parametrize("steps", [0.0, 59.0])
def test_until_something_was_rehearsed_it_buys_a_middling_stage(steps):
    obs = see(5, 5, desired=5)
    none = BUDGET.propose(obs, skewed(10, 60))
    little = BUDGET.propose(obs, skewed(10, 60, frontier=frontier(FALLING, steps=steps)))
    assert none.desired == little.desired
    assert 20 <= none.desired <= 61


# --- moving -----------------------------------------------------------------------------------


def minutes(predictive, desired, forecasts, *, serve=None, done=lambda _: True):
    """What it wants, minute by minute; the group does it where `done` says so."""
    memos, wanted = {}, []
    for i, ahead in enumerate(forecasts):
        now = T0 + 60.0 * i
        obs = see(serve or 1.0, serve or 1.0, desired=desired, now=now, memos=memos)
        found = predictive.propose(obs, msgspec.structs.replace(ahead, time=now))
        memos = {predictive.label: found.memo}
        wanted.append(found.desired)
        desired = found.desired if done(i) else desired
    return wanted


def test_small_gains_wait_and_large_ones_do_not():
    small = minutes(SURE, 11, [forecast(10, 10)] * 40)
    assert small[0] == 11
    assert small[-1] == 10
    assert 3 <= small.index(10) <= 30
    assert minutes(SURE, 60, [forecast(10, 10)] * 12).index(10) < small.index(10)


def test_a_peak_of_late_is_held():
    wanted = minutes(SURE, 20, [forecast(20, 20), *[forecast(4, 4)] * 20])
    assert wanted[:5] == [20] * 5
    assert wanted[-1] == 4


def test_what_a_guard_held_back_is_asked_for_again_and_at_once():
    """A cooldown stops the action for ten minutes: the waiting is not to begin anew after it."""
    free = minutes(SURE, 11, [forecast(10, 10)] * 60)
    at = free.index(10)
    held = minutes(SURE, 11, [forecast(10, 10)] * 60, done=lambda i: i >= at + 10)
    assert held[at : at + 11] == [10] * 11


def test_in_between_two_forecasts_it_says_the_same():
    ahead = forecast(20, 30)
    first = SURE.propose(see(5, 5), ahead)
    for later in (10.0, 50.0, 300.0):
        obs = see(5, 5, now=T0 + later, memos={"predictive": first.memo})
        again = SURE.propose(obs, ahead)
        assert (again.desired, again.memo) == (first.desired, first.memo)
    rise = see(45, 45, desired=50, now=T0 + 60, memos={"predictive": first.memo})
    assert SURE.propose(rise, ahead).desired == 45  # but never less than there is


def test_the_memo_is_numbers_and_does_not_grow():
    sizes = set()
    memos = {}
    for i in range(60):
        now = T0 + 60.0 * i
        found = BUDGET.propose(see(5, 5, now=now, memos=memos), forecast(10, 30 + i % 7, time=now))
        memos = {"predictive": found.memo}
        assert all(type(value) is float for value in found.memo)
        sizes.add(len(found.memo))
    assert max(sizes) <= 5 + 1 + max(way.hold for way in WAYS)


# --- words ------------------------------------------------------------------------------------


def test_it_says_what_it_expects_what_was_violated_and_what_follows():
    obs = see(5, 5, desired=5, tally=tally(0.012))
    text = told(BUDGET.propose(obs, forecast(10, 20)))
    assert text.startswith(
        "seasonal_naive: demand up to 14.7 within 5m, in 1 of 100 cases above 19.9; "
        "violated of late 1.20%; so "
    )
    assert "violated" not in told(SURE.propose(obs, forecast(10, 20)))
    assert told(SURE.propose(see(1, 1, desired=11), forecast(10, 10))).endswith(
        "; 10 would do, not yet worth an action"
    )
