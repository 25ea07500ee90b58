"""The synthetic load: every part does what it says, alone, and is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.sim.synthetic import Shape, synthesise

DAY, WEEK = 1440, 7 * 1440
MONDAY = 1767571200.0  # 2026-01-05T00:00:00Z
FLAT = {"daily": 0.0, "weekly": 0.0, "trend": 0.0, "noise": 0.0, "bursts": 0.0}


def load(minutes=WEEK, seed=1, start=MONDAY, **parts):
    return synthesise(Shape(**{**FLAT, **parts}), seed, minutes, start=start)


def test_with_every_part_left_out_it_is_constant():
    made = load()
    assert (made.trace.load == 1.0).all()
    assert made.marks == ()


def test_the_day_and_the_week():
    values = load(2 * WEEK, daily=0.6, weekly=0.25).trace.load.reshape(2, 7, 24, 60)
    hours = values[0, 0].mean(axis=1)
    assert hours.argmax() in (13, 14)
    assert hours.argmin() in (1, 2)
    assert values[0, 0].min() == pytest.approx(0.4)
    assert values[0, 5].max() == pytest.approx(0.75)
    assert values[0, 4].max() == pytest.approx(1.0)


def test_days_begin_in_utc_wherever_it_starts():
    noon = load(DAY, daily=0.6, start=MONDAY + 12 * 3600).trace
    assert noon.load[:180].argmax() == 120
    assert load(5, start=MONDAY + 59.0).trace.start == MONDAY


def test_the_trend_is_relative_to_the_first_week_and_never_below_nothing():
    assert load(2 * WEEK, trend=0.5).trace.load[WEEK] == pytest.approx(1.5)
    assert load(3 * WEEK, trend=-0.5).trace.load[-1] == 0.0


def test_the_noise_has_the_stated_size_and_hangs_together():
    noise = load(4 * WEEK, noise=0.1).trace.load - 1
    assert noise.std() == pytest.approx(0.1, rel=0.05)
    assert np.corrcoef(noise[1:], noise[:-1])[0, 1] == pytest.approx(0.8, abs=0.02)


def test_bursts_come_as_often_as_asked_and_are_told():
    made = load(4 * WEEK, bursts=3.0, burst_size=0.4)
    bursts = [mark for mark in made.marks if mark.kind == "burst"]
    assert 60 < len(bursts) < 110
    for mark in bursts:
        minute = round((mark.start - MONDAY) / 60)
        assert made.trace.load[minute] >= 1 + mark.size - 1e-9
        assert 0.4 <= mark.size <= 4.0


def test_a_burst_every_hour():
    values = load(DAY, hourly=0.5).trace.load.reshape(24, 60)
    assert (values[:, :4] == 1.5).all()
    assert (values[:, 4:] == 1.0).all()


@pytest.mark.parametrize("kind", ["zero", "absent"])
def test_outages_are_where_they_are_said_to_be(kind):
    made = load(4 * WEEK, outages=3.0, outage_kind=kind)
    dead = made.trace.load == 0 if kind == "zero" else np.isnan(made.trace.load)
    told = np.zeros(len(dead), dtype=bool)
    for mark in made.marks:
        assert mark.kind == "outage"
        assert mark.end - mark.start >= 180
        told[round((mark.start - MONDAY) / 60) : round((mark.end - MONDAY) / 60)] = True
    assert 4 < len(made.marks) < 25
    np.testing.assert_array_equal(dead, told)


def test_shifts_last_until_the_next_one():
    made = load(8 * WEEK, shifts=3.0, shift_size=1.0)
    level = 1.0
    assert len(made.marks) > 1
    assert {mark.size for mark in made.marks} <= {2.0, 0.5}
    for mark in made.marks:
        level *= mark.size
        first, last = (round((time - MONDAY) / 60) for time in (mark.start, mark.end))
        assert made.trace.load[first:last] == pytest.approx(level)


def test_one_part_leaves_the_others_as_they_were():
    noisy = load(noise=0.05, seed=3).trace.load
    both = load(noise=0.05, seed=3, outages=5.0).trace.load
    assert (both == 0).any()
    np.testing.assert_array_equal(noisy[both > 0], both[both > 0])


@given(seed=st.integers(0, 2**31), minutes=st.integers(1, 3000), parts=st.fixed_dictionaries({
    "noise": st.floats(0, 2), "bursts": st.floats(0, 50), "outages": st.floats(0, 200),
    "shifts": st.floats(0, 50), "trend": st.floats(-2, 2), "hourly": st.floats(0, 2),
}))  # fmt: skip
def test_it_is_never_negative_and_the_seed_makes_it(seed, minutes, parts):
    one, same = (load(minutes, seed, **parts) for _ in range(2))
    assert len(one.trace) == minutes
    assert (one.trace.load >= 0).all()
    assert np.isfinite(one.trace.load).all()
    np.testing.assert_array_equal(one.trace.load, same.trace.load)
    assert one.marks == same.marks


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"daily": 1.5}, "daily is a share"),
        ({"noise": -1}, "noise must be 0 or more"),
        ({"shifts": float("nan")}, "shifts must be"),
        ({"outages": 1, "outage_minutes": 1}, "at least 3"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(parts, words):
    with pytest.raises(ValueError, match=words):
        Shape(**parts)


def test_no_minutes_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        load(0)
