"""The measures, against figures worked out by hand and a plain loop."""

from math import ceil, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.sim.backtest import compare
from forescale.sim.baselines import static
from forescale.sim.measures import score
from forescale.sim.run import Run

NAN = float("nan")


def ints(values):
    return np.array(values, dtype=np.int64)


def test_by_hand():
    load = np.array([1.5, 3.0, 4.0, NAN, 0.5])  # needs 2, 3, 4, ?, 1
    serving = ints([2, 2, 2, 2, 4])
    billed = ints([2, 2, 4, 4, 4])
    found = score(load, serving, billed, ints([2, 4, 4, 4, 4]), ints([2, 3, 4, 1, 1]))
    assert found.cost == pytest.approx(12 / 10)  # the unknown minute aside
    assert found.violations == pytest.approx(100 * 7 / 9)
    assert found.excess == pytest.approx(100 * 3 / 9)
    assert found.theta_u == pytest.approx(100 * (1 / 3 + 2 / 4) / 4)
    assert found.theta_o == pytest.approx(100 * 3 / 4)
    assert found.tau_u == pytest.approx(50)
    assert found.tau_o == pytest.approx(25)
    assert found.instability == pytest.approx(100)  # need rises twice, supply rests
    assert found.actions_per_day == pytest.approx(1440 / 5)
    assert found.instance_hours == pytest.approx(16 / 60)


def test_instability_counts_moves_apart_between_known_minutes():
    load = np.array([1.0, 2.0, 2.0, 1.0, NAN, 1.0, 1.0])
    serving = ints([1, 2, 3, 2, 2, 1, 1])  # with need; need rests; with need; unknown; unknown; both rest
    found = score(load, serving, serving, serving, serving)
    assert found.instability == pytest.approx(25)


def test_a_load_that_just_fits_is_no_violation():
    load = np.array([0.1 * 3 * 10 / 1.0])  # 3.0000000000000004
    assert load[0] > 3
    found = score(load, ints([3]), ints([3]), ints([3]), ints([3]))
    assert (found.violations, found.tau_u) == (0.0, 0.0)


def test_nothing_known_is_no_violation_but_costs():
    load = np.array([NAN, NAN])
    found = compare({"a": static(3, 2)}, load, 1)["a"]
    assert (found.violations, found.excess, found.theta_o, found.instability) == (0, 0, 0, 0)
    assert found.cost == 3.0


minutes = st.tuples(
    st.one_of(st.just(NAN), st.integers(0, 2000).map(lambda k: k / 100)),
    st.integers(1, 20),
    st.integers(0, 5),
    st.integers(1, 25),
)


@given(st.lists(minutes, min_size=2, max_size=40), st.integers(0, 5))
def test_like_a_plain_loop(rows, lead):
    """The textbook formulas, minute by minute."""
    load, serving, booting, desired = (list(column) for column in zip(*rows, strict=True))
    run = Run(ints(serving), ints(serving) + ints(booting), ints(desired))
    found = compare({"it": run}, np.array(load), lead)["it"]
    need = [1 if isnan(x) else max(ceil(x - 1e-9), 1) for x in load]
    known = [i for i, x in enumerate(load) if not isnan(x)]
    requests = sum(load[i] for i in known)
    share = 100 / requests if requests else 0.0
    mean = 100 / len(known) if known else 0.0
    assert found.violations == pytest.approx(
        share * sum(load[i] for i in known if load[i] > serving[i] + 1e-9)
    )
    assert found.excess == pytest.approx(share * sum(max(load[i] - serving[i], 0) for i in known))
    assert found.theta_u == pytest.approx(mean * sum(max(need[i] - serving[i], 0) / need[i] for i in known))
    assert found.theta_o == pytest.approx(mean * sum(max(serving[i] - need[i], 0) / need[i] for i in known))
    assert found.tau_u == pytest.approx(mean * sum(serving[i] < need[i] for i in known))
    assert found.tau_o == pytest.approx(mean * sum(serving[i] > need[i] for i in known))


def test_the_oracle_is_the_measure():
    load = np.random.default_rng(1).gamma(3, 2, 400)
    best = compare({}, load, 4)["oracle"]
    assert (best.cost, best.violations, best.excess, best.theta_u, best.tau_u) == (1.0, 0.0, 0.0, 0.0, 0.0)
    assert best.theta_o > 0  # what it keeps over short gaps
