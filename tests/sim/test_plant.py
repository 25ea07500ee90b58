"""The rules of the minute."""

from itertools import cycle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forescale.sim.plant import Plant


def drive(plan, lead, instances=1, **options):
    """Run a plan (minute -> desired decided at its end) and return what each minute showed."""
    plant = Plant(instances, lead, **options)
    seen = []
    for minute in range(max(plan) + 8):
        plant.begin(minute)
        seen.append((plant.serving, plant.billed))
        if minute in plan:
            plant.resize(plan[minute], minute)
    return seen


def test_a_launch_is_billed_from_the_next_minute_and_serves_after_the_lead_time():
    assert drive({1: 3}, lead=4)[:9] == [(1, 1), (1, 1), *[(1, 3)] * 4, (3, 3), (3, 3), (3, 3)]


def test_without_lead_time_a_launch_serves_in_the_next_minute():
    assert drive({0: 2}, lead=0)[:2] == [(1, 1), (2, 2)]


def test_a_removal_takes_effect_in_the_next_minute():
    assert drive({1: 2}, lead=4, instances=5)[:3] == [(5, 5), (5, 5), (2, 2)]


def test_booting_instances_are_cancelled_first_the_youngest_before_the_others():
    seen = drive({0: 4, 1: 6, 2: 3}, lead=4, instances=2)
    assert seen[1:4] == [(2, 4), (2, 6), (2, 3)]
    assert seen[5] == (3, 3)  # one of the first launch is left, and is in time


def test_removals_beyond_the_booting_ones_take_serving_ones():
    assert drive({0: 6, 1: 2}, lead=4, instances=4)[1:3] == [(4, 6), (2, 2)]


def test_there_is_always_one_instance():
    assert drive({0: 0}, lead=4, instances=3)[1] == (1, 1)
    assert Plant(0, 4).serving == 1


def test_a_drained_instance_is_billed_but_serves_no_more():
    assert drive({1: 2}, lead=1, instances=5, drain=3)[:6] == [(5, 5), (5, 5), *[(2, 5)] * 3, (2, 2)]


def test_boot_times_can_vary():
    seen = drive({0: 2, 1: 3}, lead=1, extra_boot=cycle([3, 0]))
    assert [serving for serving, _ in seen[:6]] == [1, 1, 1, 2, 2, 3]


def test_the_status_shows_capacity_in_flight_and_ages():
    plant = Plant(2, 4, start=600.0, drain=2)
    plant.begin(0)
    plant.resize(5, 0)
    plant.begin(1)
    status = plant.status()
    assert (status.desired, status.in_service, status.pending) == (5, 2, 3)
    assert status.lead_time.seconds == 240.0
    for minute in range(2, 6):
        plant.begin(minute)
    assert plant.status().launched == (600.0, 600.0, 660.0, 660.0, 660.0)
    plant.resize(2, 5)
    assert plant.status().launched == (660.0, 660.0)  # the oldest went
    assert plant.status().draining == 3


def test_a_launch_that_overtakes_another_keeps_the_ages_in_order():
    plant = Plant(1, 1, extra_boot=iter([5, 0]))
    for minute in range(10):
        plant.begin(minute)
        if minute < 2:
            plant.resize(minute + 2, minute)
    assert plant.status().launched == (0.0, 60.0, 120.0)


def test_news_is_told_once():
    plant = Plant(2, 1)
    plant.begin(0)
    assert plant.news() == plant.status()
    assert plant.news() is None
    plant.resize(3, 0)
    assert plant.news().pending == 1
    plant.begin(2)
    assert plant.news().in_service == 3
    assert plant.news() is None


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(0, 6), st.integers(0, 4))
def test_counts_agree_at_any_time(plan, lead, drain):
    plant = Plant(3, lead, drain=drain)
    wanted = [3]
    for minute, desired in enumerate(plan):
        plant.begin(minute)
        assert plant.desired == wanted[-1]
        # an instance serves once it has been wanted for the lead time, without a break
        assert plant.serving == min(wanted[-(lead + 1) :])
        assert plant.billed >= plant.desired
        status = plant.status()
        assert len(status.launched) == status.in_service
        assert list(status.launched) == sorted(status.launched)
        plant.resize(desired, minute)
        wanted.append(max(desired, 1))
    for minute in range(len(plan), len(plan) + lead + drain + 1):
        plant.begin(minute)
    assert (plant.pending, plant.draining) == (0, 0)
    assert plant.serving == plant.billed == np.maximum(plan[-1], 1)
