import numpy as np
import pytest
from evaluate.bursts import hourly, met, profile, tops

from forescale.sim.run import Run


@pytest.fixture
def load():
    found = np.full(1500, 10.0)
    for hour in range(24):
        found[60 * hour + 36 : 60 * hour + 41] = (15, 20, 25, 30, 40)
    return found


def run(serving):
    serving = np.asarray(serving, dtype=np.int64)
    return Run(serving, serving, serving)


def test_each_burst_is_found_once_at_its_top(load):
    assert tops(load).tolist() == [60 * hour + 40 for hour in range(24)]


def test_bursts_by_the_clock_are_told_from_those_by_chance(load):
    assert hourly(tops(load)) == 1.0
    assert hourly(np.sort(np.random.default_rng(1).integers(0, 50_000, 800))) < 0.3
    assert hourly(np.array([100])) == 0.0


def test_a_load_that_only_sways_has_none():
    assert len(tops(10 + np.sin(np.arange(1440) / 30))) == 0


def test_capacity_that_is_there_meets_the_burst_and_one_that_follows_it_does_not(load):
    follows = np.concatenate((load[:1], load[:-1]))
    before = np.where(np.arange(1500) // 60 < 12, 40, follows)
    found = met(load, {"ample": run(np.full(1500, 40)), "late": run(follows), "half": run(before)})
    assert found.bursts == 24
    assert found.share == {"ample": 1.0, "late": 0.0, "half": 0.5}


def test_the_profile_of_equal_bursts_is_the_burst(load):
    assert profile(load, tops(load), 0.5).max() == 40
    assert profile(load, tops(load), 0.5)[0] == 10
