"""The oracle is exact: by exhaustive search, by running its plan, and by a bound no strategy beats."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.sim.oracle import in_service, needed, oracle
from forescale.sim.plant import Plant

needs = st.lists(st.integers(1, 3), min_size=1, max_size=7)
leads = st.integers(0, 3)


def cheapest(need, lead):
    """The least Σ billed by dynamic programming over all plans; knows nothing of windows.

    State: instances in service and, for each boot, the minutes it still lasts. Each minute
    any number up to the largest need may be launched, cancelled or removed.
    """
    most = max(need)

    @cache
    def rest(minute, serving, boots):
        if minute == len(need):
            return 0
        serving += boots.count(0)
        boots = tuple(left - 1 for left in boots if left)
        if serving < need[minute]:
            return float("inf")
        billed = serving + len(boots)
        follow = []
        for keep in range(serving + 1):
            for kept in range(len(boots) + 1):
                for new in range(most + 1 - keep - kept if keep + kept <= most else 0):
                    follow.append(rest(minute + 1, keep, tuple(sorted(boots[:kept])) + (lead,) * new))
        return billed + min(follow)

    return min(rest(0, serving, ()) for serving in range(1, most + 1))


@pytest.mark.parametrize(
    ("need", "lead", "billed"),
    [
        ([1, 1, 1, 3, 1], 2, [1, 3, 3, 3, 1]),  # launched two minutes ahead
        ([3, 1, 1, 3], 2, [3, 3, 3, 3]),  # a gap as long as the boot is bridged
        ([3, 1, 1, 1, 3], 2, [3, 1, 3, 3, 3]),  # a longer one is not
        ([1, 3], 4, [3, 3]),  # there from the start: no boot owed, but kept until needed
        ([2, 1, 1, 1], 4, [2, 1, 1, 1]),
        ([2, 1, 2, 1], 0, [2, 1, 2, 1]),
    ],
)
def test_known_plans(need, lead, billed):
    assert oracle(np.array(need), lead).tolist() == billed


@settings(max_examples=150, deadline=None)
@given(needs, leads)
def test_no_plan_at_all_is_cheaper(need, lead):
    assert oracle(np.array(need), lead).sum() == cheapest(tuple(need), lead)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.integers(0, 8))
def test_the_plan_can_be_run_and_never_falls_short(need, lead):
    plan = oracle(np.array(need), lead)
    plant = Plant(int(plan[0]), lead)
    for minute, wanted in enumerate(need):
        plant.begin(minute)
        assert plant.serving >= wanted
        assert plant.billed == plan[minute]
        assert plant.serving == in_service(plan, lead)[minute]
        if minute + 1 < len(need):
            plant.resize(int(plan[minute + 1]), minute)


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=80),
    st.integers(0, 6),
    st.integers(0, 3),
    st.integers(0, 20),
    st.data(),
)
def test_no_strategy_without_violations_costs_less(plan, lead, drain, warmup, data):
    """Whatever is done, it costs at least what the oracle pays for a load that it just serves."""
    plant = Plant(data.draw(st.integers(1, 12)), lead, drain=drain)
    serving, billed = [], []
    for minute, desired in enumerate(plan):
        plant.begin(minute)
        serving.append(plant.serving)
        billed.append(plant.billed)
        plant.resize(desired, minute)
    scored = min(warmup, len(plan) - 1)
    served, paid = np.array(serving[scored:]), np.array(billed[scored:])
    load = np.array([data.draw(st.integers(0, int(s))) for s in served], dtype=float)
    for met in (served.astype(float), load):
        best = oracle(needed(met), lead)
        assert (paid >= best).all()


def test_need_is_the_ceiling_at_least_one_and_one_where_nothing_is_known():
    load = np.array([0.0, 0.2, 1.0, 1.0001, 3.0000000000000004, np.nan, 7.5])
    assert needed(load).tolist() == [1, 1, 1, 2, 3, 1, 8]
