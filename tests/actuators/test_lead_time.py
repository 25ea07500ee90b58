"""The lead time learned from launches: a high quantile of recent ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.actuators.lead_time import RECENT, learn_lead_time
from forescale.model.fleet import LeadTime

durations = st.lists(st.floats(1.0, 3600.0), min_size=1, max_size=120)


def test_nothing_is_learned_from_nothing():
    assert learn_lead_time([]) is None
    assert learn_lead_time([0.0, -5.0]) is None


def test_from_a_few_launches_the_slowest_counts():
    assert learn_lead_time([100.0, 300.0, 200.0]) == LeadTime(300.0, 3)


def test_nine_in_ten_are_at_most_as_slow():
    assert learn_lead_time([float(s) for s in range(1, 21)]) == LeadTime(18.0, 20)


@given(durations)
def test_it_is_the_nearest_rank_quantile_of_the_recent(seconds):
    recent = seconds[-RECENT:]
    learned = learn_lead_time(seconds)
    assert learned.samples == len(recent)
    assert learned.seconds == round(float(np.percentile(recent, 90, method="inverted_cdf")), 1)


@given(durations, st.floats(0.01, 1.0))
def test_the_share_holds_whatever_the_quantile(seconds, quantile):
    learned = learn_lead_time(seconds, quantile=quantile)
    recent = seconds[-RECENT:]
    covered = sum(s <= learned.seconds + 0.05 for s in recent) / len(recent)
    assert covered >= quantile - 1e-9


@given(durations, st.floats(1.0, 100.0))
def test_slower_launches_never_shorten_it(seconds, more):
    slower = [s + more for s in seconds]
    assert learn_lead_time(slower).seconds >= learn_lead_time(seconds).seconds


@given(durations)
def test_old_launches_are_forgotten(seconds):
    recent = [float(s) for s in range(1, RECENT + 1)]
    assert learn_lead_time([*seconds, *recent]) == learn_lead_time(recent)


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_impossible_durations_are_ignored(bad):
    assert learn_lead_time([50.0, bad, 60.0]) == LeadTime(60.0, 2)
