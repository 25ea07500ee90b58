"""Poisoned history: each kind is found where it is, and nowhere else."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.series.poison import Kind, Rules, find_poison
from forescale.series.regular import Series, as_series
from forescale.sim.generator import daily_load
from forescale.sim.synthetic import Shape, synthesise

DAY, WEEK = 1440, 7 * 1440
START = 1767571200.0  # 2026-01-05T00:00:00Z, a Monday


def healthy(minutes=3 * WEEK, seed=1):
    return as_series(daily_load(seed, minutes, start=START))


def changed(series, first, last, value):
    values = series.values.copy()
    values[first:last] = value
    return Series(series.start, values, series.step)


def found(poisoned, kind):
    """The spans of one kind, as pairs of minutes."""
    return [
        (round((s.start - START) / 60), round((s.end - START) / 60)) for s in poisoned.spans if s.kind is kind
    ]


@pytest.mark.parametrize("seed", range(8))
def test_a_healthy_load_has_none(seed):
    poisoned = find_poison(healthy(60 * DAY, seed))
    assert not poisoned.mask.any()
    assert poisoned.spans == ()


@pytest.mark.parametrize(
    "shape",
    [
        Shape(weekly=1.0),
        Shape(daily=1.0, weekly=0.9, noise=0.3),
        Shape(bursts=50, burst_size=2.0),
        Shape(daily=0.0, hourly=20.0),
        Shape(trend=0.5),
        Shape(shifts=8, shift_size=1.0),
    ],
    ids=["closed-at-weekends", "quiet-nights", "bursts", "hourly", "growth", "shifts"],
)
def test_nor_has_a_strange_but_healthy_one(shape):
    assert not find_poison(as_series(synthesise(shape, 5, 6 * WEEK, start=START).trace)).mask.any()


class TestOutage:
    @pytest.mark.parametrize("value", [0.0, 0.02])
    @pytest.mark.parametrize(("day", "minutes"), [(0, 30), (1, 5), (9, 12), (13, 200), (20, 45)])
    def test_a_collapse_that_is_over_is_one(self, value, day, minutes):
        at = day * DAY + 700
        poisoned = find_poison(changed(healthy(), at, at + minutes, value))
        assert found(poisoned, Kind.OUTAGE) == [(at, at + minutes)]
        assert found(poisoned, Kind.AFTER) == [(at + minutes, at + minutes + 5)]
        assert poisoned.wrong.sum() == minutes
        assert poisoned.mask.sum() == minutes + 5
        (why,) = (s.why for s in poisoned.spans if s.kind is Kind.OUTAGE)
        assert "the load fell to" in why

    def test_while_it_goes_on_it_is_one_for_an_hour_and_then_the_new_level(self):
        broken = changed(healthy(), 10 * DAY + 600, None, 0.0)
        assert not find_poison(broken.cut(0, 10 * DAY + 600)).mask.any()
        for minutes, expected in ((10, True), (60, True), (61, False), (300, False), (3 * DAY, False)):
            seen = find_poison(broken.cut(0, 10 * DAY + 600 + minutes))
            assert (Kind.OUTAGE in {s.kind for s in seen.spans}) is expected, minutes

    def test_with_less_than_a_few_hours_of_history_nothing_is_unusual(self):
        assert not find_poison(changed(healthy(300), 200, 220, 0.0)).wrong.any()

    def test_on_the_first_day_below_everything_usual_is_enough(self):
        assert found(find_poison(changed(healthy(DAY), 800, 820, 0.0)), Kind.OUTAGE) == [(800, 820)]

    def test_a_dip_that_is_half_of_the_usual_is_none(self):
        load = healthy()
        dip = changed(load, 10 * DAY + 700, 10 * DAY + 760, load.values[10 * DAY + 700 : 10 * DAY + 760] / 2)
        assert not find_poison(dip).wrong.any()

    def test_one_low_minute_is_none(self):
        assert not find_poison(changed(healthy(), 5000, 5001, 0.0)).wrong.any()

    def test_a_load_that_is_often_idle_has_none(self):
        """Jobs that come and go: zeros by the hour, at random."""
        rng = np.random.default_rng(3)
        busy = np.repeat(rng.random(21 * 24) < 0.6, 60)
        load = np.where(busy, 5 + rng.random(len(busy)), 0.0)
        assert not find_poison(Series(START, load)).wrong.any()

    def test_a_count_that_is_0_by_chance_is_none(self):
        rng = np.random.default_rng(4)
        rate = 8 * healthy().values
        assert not find_poison(Series(START, rng.poisson(rate).astype(float))).wrong.any()

    def test_summer_time_is_none(self):
        """Office hours, an hour earlier from one day on."""
        clock = np.arange(6 * WEEK) + np.where(np.arange(6 * WEEK) >= 3 * WEEK, 60, 0)
        hour = clock // 60 % 24
        load = np.where((hour >= 8) & (hour < 18), 10.0, 1.0) + np.random.default_rng(1).random(len(clock))
        assert not find_poison(Series(START, load)).wrong.any()

    @pytest.mark.parametrize("kind", ["zero", "absent"])
    def test_most_of_the_outages_that_were_put_into_a_load_are_found(self, kind):
        hit = total = false = 0
        for seed in range(6):
            shape = Shape(outages=3, outage_kind=kind, shifts=1)
            made = synthesise(shape, seed, 4 * WEEK, start=START)
            true = np.zeros(len(made.trace), dtype=bool)
            for mark in made.marks:
                if mark.kind == "outage":
                    true[round((mark.start - START) / 60) : round((mark.end - START) / 60)] = True
            wrong = find_poison(as_series(made.trace)).wrong
            hit, total, false = hit + (wrong & true).sum(), total + true.sum(), false + (wrong & ~true).sum()
        assert false == 0
        assert hit > (0.8 if kind == "zero" else 0.999) * total


class TestCapped:
    def serve(self, series, count):
        return np.full(len(series), float(count))

    def test_at_the_maximum_and_busy(self):
        load = Series(START, np.clip(20 * healthy().values, 0, 12.0))
        poisoned = find_poison(load, serving=self.serve(load, 12), maximum=12)
        busy = load.values >= 0.9 * 12
        np.testing.assert_array_equal(poisoned.wrong, busy)
        assert busy.any()
        assert {s.kind for s in poisoned.spans} == {Kind.CAPPED, Kind.AFTER}

    def test_not_below_the_maximum_and_not_when_idle(self):
        load = Series(START, np.clip(20 * healthy().values, 0, 12.0))
        assert not find_poison(load, serving=self.serve(load, 12), maximum=13).mask.any()
        assert not find_poison(load, serving=self.serve(load, 20), maximum=20).mask.any()
        assert not find_poison(load, serving=self.serve(load, 12)).mask.any()

    def test_the_maximum_may_change_and_the_serving_be_unknown(self):
        load = Series(START, 10 + healthy(DAY).values)
        serving, maximum = self.serve(load, 11), np.full(len(load), 11.0)
        maximum[:600], serving[700:800] = 40.0, np.nan
        wrong = find_poison(load, serving=serving, maximum=maximum).wrong
        assert not wrong[:600].any()
        assert not wrong[700:800].any()
        assert wrong[600:700].all()

    def test_another_length_is_refused(self):
        with pytest.raises(ValueError, match="as long as"):
            find_poison(healthy(DAY), serving=np.ones(5), maximum=1)


class TestDeploy:
    def test_the_window_and_the_time_to_settle(self):
        load = healthy(DAY)
        poisoned = find_poison(load, deploys=[(START + 90, START + 1800)])
        assert found(poisoned, Kind.DEPLOY) == [(1, 40)]
        assert found(poisoned, Kind.AFTER) == [(40, 45)]

    def test_one_that_goes_on_and_one_of_another_time(self):
        load = healthy(DAY)
        windows = [(START - 9e6, START - 8e6), (START + 9e6, START + 9.1e6), (START + 86000, float("inf"))]
        assert found(find_poison(load, deploys=windows), Kind.DEPLOY) == [(1433, 1440)]


class TestGap:
    def test_a_gap_and_the_minutes_whose_lags_lie_in_it(self):
        poisoned = find_poison(changed(healthy(), 5000, 5030, np.nan))
        assert found(poisoned, Kind.GAP) == [(5000, 5030)]
        assert found(poisoned, Kind.AFTER) == [(5030, 5035)]
        assert not poisoned.wrong[5030:].any()

    def test_a_missing_minute_spoils_nothing_else(self):
        assert find_poison(changed(healthy(), 5000, 5001, np.nan)).mask.sum() == 1


class TestFrozen:
    @pytest.mark.parametrize(("minutes", "stuck"), [(59, 0), (60, 60), (600, 600)])
    def test_a_value_that_stands_still_on_a_noisy_series(self, minutes, stuck):
        poisoned = find_poison(changed(healthy(), 5000, 5000 + minutes, 0.71234))
        assert poisoned.wrong.sum() == stuck
        assert found(poisoned, Kind.FROZEN) == ([(5000, 5000 + stuck)] if stuck else [])

    def test_not_a_series_that_is_constant(self):
        assert not find_poison(Series(START, np.full(WEEK, 3.0))).mask.any()
        assert not find_poison(Series(START, np.zeros(WEEK))).mask.any()

    def test_not_a_series_of_few_values(self):
        rng = np.random.default_rng(2)
        held = np.repeat(rng.integers(1, 4, 2000), rng.integers(1, 120, 2000)).astype(float)
        assert not find_poison(Series(START, held)).mask.any()

    @pytest.mark.parametrize("how", ["held", "lines"])
    def test_not_points_every_five_minutes(self, how):
        coarse = healthy().values[::5]
        fine = np.repeat(coarse, 5) if how == "held" else np.interp(
            np.arange(5 * len(coarse)), 5 * np.arange(len(coarse)), coarse
        )  # fmt: skip
        assert not find_poison(Series(START, fine)).mask.any()

    def test_not_a_floor_that_it_returns_to(self):
        assert not find_poison(Series(START, np.maximum(healthy().values, 0.45))).mask.any()


def damage(series, holes):
    values = series.values.copy()
    for at, length, what in holes:
        values[at : at + length] = {"zero": 0.0, "absent": np.nan, "stuck": values[at % len(values)]}[what]
    return Series(series.start, values, series.step)


HOLES = st.lists(
    st.tuples(
        st.integers(0, 14 * DAY - 1), st.integers(1, 500), st.sampled_from(["zero", "absent", "stuck"])
    ),
    max_size=12,
)


@given(seed=st.integers(0, 20), holes=HOLES)
@settings(max_examples=60)
def test_what_was_cleaned_is_judged_the_same(seed, holes):
    series = damage(healthy(14 * DAY, seed), holes)
    once = find_poison(series)
    again = find_poison(once.clean(series))
    np.testing.assert_array_equal(once.mask, again.mask)
    assert (once.wrong <= once.mask).all()


@given(
    values=st.lists(st.one_of(st.floats(), st.sampled_from([0.0, 1.0, float("nan"), 5e-324])), max_size=400),
    repeat=st.integers(1, 40),
    step=st.sampled_from([1.0, 10.0, 60.0, 300.0, 3600.0, 7.0]),
    start=st.floats(-1e9, 4e9),
    deploys=st.lists(st.tuples(st.floats(-1e10, 1e10), st.floats(-1e10, 1e10)), max_size=3),
)
@settings(max_examples=150)
def test_nothing_makes_it_fail(values, repeat, step, start, deploys):
    series = Series(start, np.repeat(np.array(values, dtype=np.float64), repeat), step)
    serving = np.full(len(series), 2.0)
    poisoned = find_poison(series, serving=serving, maximum=2.0, deploys=deploys)
    assert len(poisoned.mask) == len(series)
    assert poisoned.wrong[np.isnan(series.values)].all()
    covered = np.zeros(len(series), dtype=bool)
    for span in poisoned.spans:
        assert span.start < span.end
        assert span.why
        first, last = (round((time - start) / step) for time in (span.start, span.end))
        covered[first:last] = True
    np.testing.assert_array_equal(covered, poisoned.mask)


def test_the_rules_can_be_set():
    broken = changed(healthy(), 5000, 5100, 0.0)
    assert not find_poison(broken, rules=Rules(longest=3600.0)).wrong.any()
    strict = find_poison(changed(healthy(), 5000, 5030, np.nan), rules=Rules(after=0.0))
    assert strict.mask.sum() == 30


def test_sixty_days_of_minutes_take_less_than_the_blink_of_an_eye():
    made = synthesise(Shape(outages=3, shifts=1), 2, 60 * DAY, start=START)
    series, best = as_series(made.trace), 1.0
    for _ in range(5):
        began = time.perf_counter()
        find_poison(series)
        best = min(best, time.perf_counter() - began)
    assert best < 0.25  # 0.03 on a quiet machine; this only catches another order of growth
