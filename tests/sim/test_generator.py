"""The made-up load: reproducible, and shaped as it says."""

import numpy as np
import pytest

from forescale.sim.generator import daily_load

DAY, WEEK = 1440, 7 * 1440
MONDAY = 1777852800.0 + 0.0  # 2026-05-04T00:00:00Z


def test_the_seed_makes_the_trace():
    one, same, other = (daily_load(seed, WEEK, start=MONDAY).load for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(daily_load(1, 1).load.shape, (1,))


def test_days_and_weeks_are_in_it():
    load = daily_load(3, 4 * WEEK, start=MONDAY).load.reshape(4, 7, 24, 60)
    hours = np.median(load, axis=(0, 1, 3))
    assert abs(int(hours.argmax()) - 14) <= 1
    assert abs(int(hours.argmin()) - 2) <= 1
    assert hours.min() < 0.45 * hours.max()
    days = np.median(load, axis=(0, 2, 3))
    assert days[5:].max() < 0.85 * days[:5].min()


def test_it_grows_bursts_and_is_never_negative_or_absent():
    load = daily_load(4, 8 * WEEK, start=MONDAY).load
    weeks = np.median(load.reshape(8, WEEK), axis=1)
    assert 1.08 < weeks[-1] / weeks[0] < 1.22
    assert load.max() > 1.4
    assert np.isfinite(load).all()
    assert (load >= 0).all()


def test_it_starts_on_a_whole_minute():
    assert daily_load(1, 5, start=MONDAY + 59.0).start == MONDAY


def test_no_minutes_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        daily_load(1, 0)
