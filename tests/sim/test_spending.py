"""Every billed instance-minute has one purpose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.sim.baselines import oracle_run, static
from forescale.sim.run import Run
from forescale.sim.spending import Purposes, spending

counts = st.lists(st.integers(0, 12), min_size=1, max_size=60)


def run(billed, serving=None):
    billed = np.array(billed, dtype=np.int64)
    return Run(billed if serving is None else np.array(serving, dtype=np.int64), billed, billed)


def purposes(billed, load, serving=None, lead=0):
    found = Purposes(run(billed, serving), np.array(load, dtype=float), lead)
    return {key: getattr(found, key).tolist() for key in ("needed", "headroom", "waiting", "booting")}


def test_what_is_above_the_need_is_headroom_until_the_load_has_gone():
    found = purposes(
        load=[20, 20, 30, 30, 30, 20, 20, 20, 20, 20],
        billed=[25, 25, 35, 35, 35, 35, 35, 35, 25, 25],
    )
    assert found["needed"] == [20, 20, 30, 30, 30, 20, 20, 20, 20, 20]
    # 10 go after minute 7; the load has been as low as then since minute 5
    assert found["waiting"] == [0, 0, 0, 0, 0, 10, 10, 10, 0, 0]
    assert found["headroom"] == [5, 5, 5, 5, 5, 5, 5, 5, 5, 5]


def test_two_removals_wait_side_by_side_and_noise_ends_no_wait():
    found = purposes(
        load=[30, 10, 11, 10, 10, 10, 10],
        billed=[30, 30, 30, 30, 20, 20, 12],
    )
    assert found["waiting"] == [0, 18, 18, 18, 8, 8, 0]
    assert found["headroom"] == [0, 2, 1, 2, 2, 2, 2]


def test_what_boots_is_booting_unless_the_oracle_would_boot_it_too():
    found = purposes(billed=[1, 3, 3, 3], serving=[1, 1, 1, 3], load=[1, 1, 1, 2], lead=1)
    assert found["needed"] == [1, 1, 2, 2]
    assert found["booting"] == [0, 2, 1, 0]
    assert found["headroom"] == [0, 0, 0, 1]


def test_a_steady_load_is_no_wait_of_days():
    found = Purposes(run([9] * 2000 + [5] * 100), np.full(2100, 4.0), 4)
    assert found.waiting.sum() == 4 * 361


@settings(max_examples=200, deadline=None)
@given(counts, st.data(), st.integers(0, 4))
def test_the_purposes_add_up_to_what_was_billed(load, data, lead):
    billed = data.draw(st.lists(st.integers(1, 15), min_size=len(load), max_size=len(load)))
    pending = [data.draw(st.integers(0, count - 1)) for count in billed]
    serving = [count - boots for count, boots in zip(billed, pending, strict=True)]
    one, demand = run(billed, serving), np.array(load, dtype=float)
    found = Purposes(one, demand, lead)
    parts = (found.needed, found.headroom, found.waiting, found.booting)
    np.testing.assert_array_equal(sum(parts), one.billed)
    assert all((part >= 0).all() for part in parts)
    spent = spending(one, demand, lead)
    assert spent.needed + spent.headroom + spent.waiting + spent.booting == pytest.approx(sum(billed) / 60)
    assert spent.oracle == pytest.approx(oracle_run(demand, lead).billed.sum() / 60)


def test_the_oracle_spends_on_nothing_but_need_and_a_static_peak_on_headroom():
    load = np.random.default_rng(1).uniform(0, 30, 500)
    spent = spending(oracle_run(load, 4), load, 4)
    assert (spent.headroom, spent.waiting, spent.booting, spent.missing) == (0, 0, 0, 0)
    spent = spending(static(40, 500), load, 4)
    assert (spent.waiting, spent.booting, spent.missing) == (0, 0, 0)
    assert spent.headroom == pytest.approx(40 * 500 / 60 - spent.oracle)
