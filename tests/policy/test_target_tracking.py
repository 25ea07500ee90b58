"""Target tracking: how many it wants, and after how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_world import NO_FORECAST, observe, policy, want

from forescale.model.decision import Observation

TRACK = policy("target_tracking", target="60%", out_after="3m", in_after="5m", in_below="90%")
AT_ONCE = policy("target_tracking", target="60%", out_after=0, in_after=0, in_below="90%")


@pytest.mark.parametrize(
    ("values", "desired", "wanted"),
    [
        ([75, 75, 75], 4, 5),
        ([75, 75], 4, 4),  # not for long enough
        ([75, 75, 75, 59], 4, 4),
        ([60, 60, 60], 4, 4),  # at the target
        ([61, 61, 61], 4, 5),
        ([300, 300, 300], 4, 20),
        ([40] * 5, 4, 3),
        ([40] * 4, 4, 4),
        ([54.1] * 5, 40, 40),  # within the band
        ([53.9] * 5, 40, 36),
        ([0] * 5, 4, 0),
        ([40, 40, None, 40, 40, 40], 4, 4),  # a gap is no proof of idleness
        ([75, None, 75], 4, 5),  # nor of a load that has gone
    ],
)
def test_it_goes_to_the_target(values, desired, wanted):
    assert want(TRACK, observe(*values, desired=desired)) == wanted


def test_without_waiting_it_still_keeps_to_the_band():
    """`in_after: 0` means at once, not whatever the utilisation."""
    assert want(AT_ONCE, observe(61, desired=10)) == 11
    assert want(AT_ONCE, observe(55, desired=10)) == 10
    assert want(AT_ONCE, observe(53, desired=10)) == 9
    assert want(AT_ONCE, observe(20, None, desired=10)) == 10


def test_capacity_on_its_way_is_not_ordered_twice():
    """6 desired, 4 serving at 75 %: three instances' load, so 5 would do, and 6 are coming."""
    assert want(TRACK, observe(75, 75, 75, desired=6, pending=2)) == 6


def test_nothing_is_taken_away_while_something_boots():
    assert want(TRACK, observe(*[10] * 9, desired=6, pending=1)) == 6


def test_rounding_does_not_ask_for_one_more():
    assert want(AT_ONCE, observe(60.000000001, desired=5)) == 5
    assert want(policy("target_tracking", target="70%", out_after=0), observe(70.0, desired=3)) == 3


@pytest.mark.parametrize(
    ("values", "pending", "why"),
    [
        ([75, 75, 75], 0, "demand 3.00 is 75% of 4 serving: above 60%, so 5"),
        ([75, 75], 0, "demand 3.00 is 75% of 4 serving: 5 wanted once above 60% for 3m"),
        ([40] * 5, 0, "demand 1.60 is 40% of 4 serving: below 54%, so 3"),
        ([40] * 4, 0, "demand 1.60 is 40% of 4 serving: 3 would do once below 54% for 5m"),
        ([20] * 5, 1, "demand 0.60 is 20% of 3 serving: 1 would do, but 1 still boot"),
        ([60] * 5, 0, "demand 2.40 is 60% of 4 serving"),
    ],
)
def test_it_says_why_it_acts_and_why_it_waits(values, pending, why):
    (reason,) = TRACK.propose(observe(*values, desired=4, pending=pending), NO_FORECAST).reasons
    assert reason.text == why


def test_it_says_so_where_it_cannot_see():
    obs = observe(None, None)
    proposal = TRACK.propose(obs, obs)
    assert (proposal.blind, proposal.desired) == (True, None)
    assert proposal.reasons[0].text == "demand is absent or stale"


@given(st.floats(0, 1e300), st.integers(1, 1000), st.floats(0.01, 1.0))
def test_what_it_wants_serves_the_demand_at_the_target(value, desired, target):
    tracking = policy("target_tracking", target=target, out_after=0, in_after=0)
    obs: Observation = observe(value, desired=desired)
    wanted = want(tracking, obs)
    assert wanted is not None
    assert wanted >= 0
    if wanted > desired and wanted < 1_000_000:
        assert obs.demand / wanted <= target * (1 + 1e-6)
        assert obs.demand / (wanted - 1) > target * (1 - 1e-6)
