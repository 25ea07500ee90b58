"""What is rehearsed is what would have happened: against a simulation of each arm, written anew."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.forecast import rehearsal
from forescale.forecast.base import LEVELS
from forescale.forecast.newsvendor import HEADROOMS, PRICES, STAGES, capacities, shortfall
from forescale.forecast.rehearsal import WAYS, Rehearsal, Way, move, move_one
from forescale.sim.measures import violations
from forescale.sim.oracle import in_service

STAGE_PRICE = [*PRICES, *[PRICES[-1]] * len(HEADROOMS)]
STAGE_FACTOR = [*[1.0] * len(PRICES), *HEADROOMS]


def certain(value):
    return np.full(len(LEVELS), float(value))


def around(value):
    """A forecast that is wide: from half the value to three times."""
    return float(value) * np.geomspace(0.5, 3.0, len(LEVELS))


def decisions(rows, way, stage):
    """What one arm decides after each step: a plain loop over the rules, knowing no arrays."""
    decided, regret, wanted = [], 0.0, []
    price, factor = STAGE_PRICE[stage], STAGE_FACTOR[stage]
    for row in rows:
        if row is None:
            decided.append(decided[-1] if decided else 1)
            wanted.append(wanted[-1] if wanted else 1)
            continue
        best = int(capacities(row)[stage])
        if not any(r is not None for r in rows[: len(decided)]):
            decided.append(best)
            wanted = [best] * (len(wanted) + 1)
            continue
        wanted.append(best)
        now = decided[-1]
        goal = best if best >= now else min(max(wanted[-way.hold - 1 :]), now)
        if goal == now:
            regret *= 0.9
            decided.append(now)
            continue
        cost = [n / factor + price * shortfall(row, np.array([n / factor]))[0] for n in (now, goal)]
        regret += max(cost[0] - cost[1], 0.0)
        if regret > (way.urgency if goal > now else way.patience):
            decided.append(goal)
            regret = 0.0
        else:
            decided.append(now)
    return decided


def rehearse(demand, rows, lead):
    found = Rehearsal(lead)
    for value, row in zip(demand, rows, strict=True):
        found.advance(value, row)
    return found.frontier()


def load(seed, minutes):
    rng = np.random.default_rng(seed)
    values = 6 + 4 * np.sin(np.arange(minutes) / 40) + rng.gamma(1.0, 0.7, minutes)
    values[rng.random(minutes) < 0.01] += 12
    return values


def rows_for(demand, lead):
    """Forecasts that are neither blind nor clairvoyant."""
    ahead = np.array([demand[i + 1 : i + 2 + lead].max(initial=demand[i]) for i in range(len(demand))])
    middle = 0.5 * ahead + 0.5 * demand
    return [middle[i] * np.geomspace(0.8, 1.6, len(LEVELS)) for i in range(len(demand))]


@pytest.mark.parametrize("lead", [0, 1, 4, 11])
@pytest.mark.parametrize("stage", [0, 7, 12, len(PRICES) - 1, STAGES - 2])
def test_cost_violations_and_actions_are_those_of_a_simulation(lead, stage, monkeypatch):
    monkeypatch.setattr(rehearsal, "MEMORY", 1e12)  # it forgets nothing
    demand = load(lead + 1, 600)
    rows = rows_for(demand, lead)
    frontier = rehearse(demand, rows, lead)
    for way, manner in zip(WAYS, frontier.manners, strict=True):
        decided = decisions(rows, way, stage)
        billed = np.array([decided[0], *decided[:-1]])  # what is decided is billed from the next step on
        serving = in_service(billed, lead)
        scored = slice(lead + 2, None)
        assert frontier.steps == len(demand[scored])
        cost = billed[scored].sum() / demand[scored].sum()
        assert manner.cost[stage] == pytest.approx(cost, rel=1e-3)
        share = violations(demand[scored], serving[scored]) / 100
        assert manner.violations[stage] == pytest.approx(share, rel=1e-3, abs=1e-9)
        actions = np.count_nonzero(np.diff(decided[lead + 1 :]))
        assert manner.actions[stage] == pytest.approx(actions / frontier.steps * 1440, rel=1e-3)


def test_more_protection_costs_more_and_violates_less():
    demand = load(5, 1500)
    frontier = rehearse(demand, rows_for(demand, 4), 4)
    for manner in frontier.manners:
        assert manner.cost[0] < manner.cost[-1]
        assert manner.violations[0] > manner.violations[-1]
        # Where a violation costs less than an instance, nobody scales out for it: those are the first.
        dear = [stage for stage, price in enumerate(STAGE_PRICE) if price > 5]
        assert np.all(np.diff(np.array(manner.cost)[dear]) > -0.02)
        assert np.all(np.diff(np.array(manner.violations)[dear]) < 0.01)


def test_a_gain_below_patience_is_no_action():
    """One instance too many is worth 1 a step: it goes once that has come to more than the patience."""
    way = Way(0, 25.0, 5.0)
    current, regret, steps = 11, 0.0, 0
    while current == 11:
        current, regret = move_one(current, 10, 10, regret, certain(10), way, (1.0, 1.0))
        steps += 1
    assert (current, steps) == (10, 26)
    current, regret = 60, 0.0
    current, regret = move_one(current, 10, 10, regret, certain(10), way, (1.0, 1.0))
    assert (current, regret) == (10, 0.0)  # fifty too many are worth it at once


def test_a_gain_that_comes_and_goes_is_forgotten():
    way, regret = Way(0, 10.0, 5.0), 0.0
    for _ in range(200):  # two steps of a gain of 1, then ten without
        for best in (10, 10, *[11] * 10):
            current, regret = move_one(11, best, best, regret, certain(best), way, (1.0, 1.0))
            assert current == 11


def test_scaling_out_waits_for_its_urgency_only():
    """Missing 2 of 12 at a price of 10 costs 120 a step: nobody waits."""
    assert move_one(10, 12, 12, 0.0, certain(12), Way(0, 1e9, 50.0), (10.0, 1.0)) == (12, 0.0)
    stays, regret = move_one(10, 12, 12, 0.0, certain(12), Way(0, 0.0, 1e9), (10.0, 1.0))
    assert stays == 10
    assert regret > 100


def test_what_was_needed_of_late_is_held():
    """A peak within the hold keeps what it needed, whatever the patience."""
    peaks = [20.0 if i % 4 == 0 else 5.0 for i in range(400)]
    rows = [certain(value) for value in peaks]
    stage = 10
    for way in WAYS:
        decided = decisions(rows, way, stage)[100:]
        if way.hold >= 4:
            assert set(decided) == {20}
    frontier = rehearse(np.array(peaks), rows, 2)
    held = [m.actions[stage] for way, m in zip(WAYS, frontier.manners, strict=True) if way.hold >= 4]
    assert held
    assert max(held) == 0


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(0, 20),
    st.floats(0, 400),
    st.sampled_from(range(STAGES)),
    st.sampled_from(WAYS),
    st.lists(st.floats(0, 80), min_size=len(LEVELS), max_size=len(LEVELS)).map(sorted),
)
def test_one_arm_moves_as_all_do(current, best, more, regret, stage, way, values):
    row, held = np.array(values), best + more
    kind = STAGE_PRICE[stage], STAGE_FACTOR[stage]
    moved, left = move(
        np.array([current]),
        np.array([best]),
        np.array([held]),
        np.array([regret]),
        row,
        (np.array([way.patience]), np.array([way.urgency])),
        (np.array([kind[0]]), np.array([kind[1]])),
    )
    assert move_one(current, best, held, regret, row, way, kind) == (int(moved[0]), float(left[0]))


def test_absent_demand_is_not_counted(monkeypatch):
    """Whatever happened then: neither cost, nor violations, nor time."""
    monkeypatch.setattr(rehearsal, "MEMORY", 1e12)
    demand = load(2, 500)
    rows = rows_for(demand, 2)
    gappy = demand.copy()
    gappy[100:200] = np.nan
    whole, less = rehearse(demand, rows, 2), rehearse(gappy, rows, 2)
    assert less.steps == whole.steps - 100
    for i in range(len(WAYS)):
        decided = decisions(rows, WAYS[i], 9)
        billed = np.array([decided[0], *decided[:-1]])
        known = ~np.isnan(gappy) & (np.arange(500) >= 4)
        cost = billed[known].sum() / gappy[known].sum()
        assert less.manners[i].cost[9] == pytest.approx(cost, rel=1e-3)
    silent = rehearse(np.full(500, np.nan), rows, 2)
    assert silent.steps == 0
    assert all(max(m.cost) == max(m.violations) == 0 for m in silent.manners)


@pytest.mark.parametrize("lead", [0, 3, 9])
def test_nothing_counts_before_the_first_decision_could_serve(lead):
    """Load beyond all forecasts until then is nobody's fault; from then on it is."""
    for late in range(lead + 6):
        demand = np.full(lead + 6, 1.0)
        demand[late] = 500.0
        frontier = rehearse(demand, [certain(1)] * len(demand), lead)
        violated = all(max(m.violations) > 0 for m in frontier.manners)
        assert violated == (late >= lead + 2)
    assert rehearse(np.ones(lead + 2), [certain(1)] * (lead + 2), lead).steps == 0


def test_without_forecasts_it_stays_where_it_is():
    demand = load(9, 300)
    rows = rows_for(demand, 2)
    rows[50:150] = [None] * 100
    frontier = rehearse(demand, rows, 2)
    for i, way in enumerate(WAYS):
        decided = decisions(rows, way, 8)
        assert len(set(decided[50:150])) == 1
        assert frontier.manners[i].actions[8] >= 0
    assert rehearse(demand, [None] * 300, 2).steps == 0


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.one_of(st.just(np.nan), st.floats(0, 50), st.just(5000.0)), min_size=1, max_size=60),
    st.integers(0, 6),
)
def test_a_frontier_is_always_numbers(values, lead):
    """Fit to be written down, whatever came."""
    demand = np.array(values)
    rows = [None if np.isnan(v) else around(v) for v in values]
    frontier = rehearse(demand, rows, lead)
    assert len(frontier.manners) == len(WAYS)
    for manner in frontier.manners:
        for told in (manner.cost, manner.violations, manner.actions):
            assert len(told) == STAGES
            assert np.all(np.isfinite(told))
            assert all(type(value) is float for value in told)
        assert min(manner.violations) >= 0
        assert max(manner.violations) <= 1 + 1e-9
