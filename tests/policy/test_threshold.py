"""`step` and `threshold`: rungs, runs, shares, and capacity on its way."""

import pytest
from policy_world import NO_FORECAST, observe, policy, want
from pydantic import ValidationError

RUNGS = {"out": [{"at": 70, "by": 1}, {"at": 90, "by": "50%"}], "in": [{"at": 30}, {"at": 10, "by": 3}]}
STEP = policy("step", out_after="3m", in_after="5m", **RUNGS)
THRESHOLD = policy("threshold", above=70, below=30, by=2, out_after="3m", in_after="5m")


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([75] * 3, 9),
        ([95] * 3, 12),
        ([75, 95, 95], 9),  # the higher rung only once it has lasted as well
        ([75, 75], 8),
        ([50] * 9, 8),
        ([25] * 5, 7),
        ([5] * 5, 5),
        ([25, 5, 5, 5, 5], 7),
        ([25] * 4, 8),
        ([25, 25, None, 25, 25], 8),
        ([70] * 9, 8),
        ([30] * 9, 8),
    ],
)
def test_the_outermost_rung_that_has_lasted_counts(values, wanted):
    assert want(STEP, observe(*values, desired=8)) == wanted


@pytest.mark.parametrize(("values", "wanted"), [([75] * 3, 10), ([25] * 5, 6), ([50] * 5, 8)])
def test_threshold_adds_and_removes_the_same(values, wanted):
    assert want(THRESHOLD, observe(*values, desired=8)) == wanted


def test_without_waiting_it_still_keeps_to_the_thresholds():
    """`out_after: 0` means at once, not whatever the value."""
    quick = policy("threshold", above=70, below=30, out_after=0, in_after=0)
    assert [want(quick, observe(v, desired=8)) for v in (75, 50, 25)] == [9, 8, 7]
    assert want(quick, observe(25, None, desired=8)) == 8


def test_capacity_on_its_way_counts_towards_the_step():
    """Two of ten are booting: a step of one was taken already, one of half of eight in part."""
    assert want(STEP, observe(*[75] * 3, desired=10, pending=2)) == 10
    assert want(STEP, observe(*[95] * 3, desired=10, pending=2)) == 12
    assert want(STEP, observe(*[95] * 3, desired=12, pending=4)) == 12


def test_nothing_is_taken_away_while_something_boots():
    assert want(STEP, observe(*[5] * 9, desired=10, pending=1)) == 10


def test_never_below_nothing():
    assert want(STEP, observe(*[5] * 5, desired=2)) == 0


@pytest.mark.parametrize(
    ("values", "pending", "why"),
    [
        ([75] * 3, 0, "cpu 75 above 70: +1"),
        ([75] * 3, 2, "cpu 75 above 70: +1, 2 on the way"),
        ([95] * 2, 0, "cpu 95 above 70, but not for 3m yet"),
        ([25] * 5, 0, "cpu 25 below 30: -1"),
        ([5] * 4, 0, "cpu 5 below 30, but not for 5m yet"),
        ([25] * 5, 2, "cpu 25 below 30, but 2 still boot"),
        ([50] * 5, 0, "cpu 50 is within its thresholds"),
    ],
)
def test_it_says_why_it_acts_and_why_it_waits(values, pending, why):
    (reason,) = STEP.propose(observe(*values, desired=8, pending=pending), NO_FORECAST).reasons
    assert reason.text == why


def test_it_says_so_where_it_cannot_see():
    for obs in (observe(None, None), observe(50, signal="memory")):
        proposal = STEP.propose(obs, NO_FORECAST)
        assert (proposal.blind, proposal.desired) == (True, None)
        assert proposal.reasons[0].text == "cpu is absent or stale"


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("step", {"out": [{"at": 50}], "in": [{"at": 60}]}, "must be below"),
        ("step", {"out": [{"at": 50}, {"at": 90}], "in": [{"at": 10}, {"at": 60}]}, "must be below"),
        ("step", {"out": [{"at": 50}], "in": [{"at": 50}]}, "must be below"),
        ("threshold", {"above": 30, "below": 30}, "must be less than"),
        ("step", {"out": [{"at": 50, "by": 0}]}, "not an amount"),
        ("step", {"out": [{"at": 50, "by": "x"}]}, "not a ratio"),
        ("step", {"out": [{"at": float("nan")}]}, "finite"),
        ("threshold", {"above": float("inf")}, "finite"),
    ],
)
def test_what_makes_no_sense_is_refused(kind, fields, message):
    with pytest.raises(ValidationError, match=message):
        policy(kind, **fields)


def test_a_policy_may_go_one_way_only():
    assert want(policy("step", out=[], in_after="5m", **{"in": [{"at": 30}]}), observe(*[5] * 5)) == 3
    assert want(policy("step", out=[{"at": 70}], **{"in": []}), observe(*[5] * 30)) == 4


def test_a_share_is_at_least_one_instance():
    small = policy("threshold", above=70, below=30, by="1%", out_after=0)
    assert want(small, observe(75, desired=3)) == 4
    assert want(policy("threshold", above=70, by="200%", out_after=0), observe(75, desired=3)) == 9
