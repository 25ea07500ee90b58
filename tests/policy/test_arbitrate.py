"""Arbitration: the largest preference, within everybody's bounds, whoever speaks first."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.model.decision import Proposal, Reason
from forescale.policy.arbitrate import arbitrate

COUNTS = st.none() | st.integers(0, 50)
ANY = st.booleans()


@st.composite
def proposals(draw, bounded=ANY):
    lower, upper = (draw(COUNTS), draw(COUNTS)) if draw(bounded) else (None, None)
    name = draw(st.sampled_from("abcd"))
    return Proposal(
        name,
        desired=draw(COUNTS),
        lower=lower,
        upper=upper,
        priority=draw(st.integers(0, 2)),
        blind=draw(st.booleans()),
        reasons=(Reason(name, "because"),),
    )


def prefer(desired, name="p"):
    return Proposal(name, desired=desired, reasons=(Reason(name, f"wants {desired}"),))


def bound(lower=None, upper=None, priority=0, name="bound"):
    return Proposal(name, lower=lower, upper=upper, priority=priority, reasons=(Reason(name, "its reason"),))


@pytest.mark.parametrize(
    ("given_", "wanted", "desired"),
    [
        ([], 4, 4),
        ([Proposal()], 4, 4),  # the zero value does nothing
        ([prefer(2)], 2, 2),
        ([prefer(2), prefer(4)], 4, 4),
        ([prefer(2), prefer(9), prefer(4)], 9, 9),
        ([prefer(2), bound(lower=3)], 2, 3),
        ([prefer(9), bound(upper=6)], 9, 6),
        ([bound(lower=6)], 4, 6),
        ([bound(upper=3)], 4, 3),
        ([prefer(9), bound(upper=6), bound(upper=3)], 9, 3),
        ([prefer(1), bound(lower=2), bound(lower=5)], 1, 5),
        ([bound(lower=8, upper=6)], 4, 8),  # a tie goes to the safer side
        ([bound(lower=8), bound(upper=6)], 4, 8),
        ([bound(lower=8), bound(upper=6, priority=1)], 4, 6),  # say, it is too hot
        ([bound(lower=8, priority=1), bound(upper=6)], 4, 8),
        ([prefer(20), bound(5, 10, priority=1), bound(7, 8)], 20, 8),
        ([prefer(20), bound(5, 10, priority=1), bound(12, 15)], 20, 10),
        ([prefer(1), bound(5, 10, priority=1), bound(1, 3)], 1, 5),
        ([Proposal("odd", desired=-3, upper=5)], -3, -3),  # the guards' bounds take care of it
    ],
)
def test_cases(given_, wanted, desired):
    for order in permutations(given_):
        verdict = arbitrate(order, 4)
        assert (verdict.wanted, verdict.desired) == (wanted, desired)


def test_the_clamp_names_the_bound_that_binds_and_its_reason():
    verdict = arbitrate(
        [prefer(20), bound(upper=12, name="cost"), bound(upper=9, priority=5, name="heat")], 4
    )
    (clamp,) = verdict.clamps
    assert (clamp.rule, clamp.before, clamp.after, clamp.why) == ("heat", 20, 9, "its reason")


def test_reasons_are_those_of_the_winner_of_bounds_and_of_the_blind():
    blind = Proposal("b", blind=True, reasons=(Reason("b", "cannot see"),))
    verdict = arbitrate([prefer(2, "low"), prefer(9, "high"), bound(upper=20), blind], 4)
    assert [r.rule for r in verdict.reasons] == ["high", "bound", "b"]
    assert verdict.blind


@given(st.lists(proposals(), max_size=4), st.integers(0, 50))
def test_the_order_of_proposals_does_not_matter(given_, current):
    verdicts = [arbitrate(order, current) for order in permutations(given_)]
    assert len({(v.wanted, v.desired, v.blind) for v in verdicts}) == 1
    assert len({frozenset(v.reasons) for v in verdicts}) == 1


@given(st.lists(proposals(), max_size=5), proposals(bounded=st.just(False)), st.integers(0, 50))
def test_one_more_preference_never_lowers(given_, more, current):
    without, with_it = arbitrate(given_, current), arbitrate([*given_, more], current)
    if any(p.desired is not None for p in given_) or (more.desired or 0) >= current or more.desired is None:
        assert with_it.desired >= without.desired
        assert with_it.wanted >= without.wanted


@given(st.lists(proposals(), max_size=5), st.integers(0, 50))
def test_a_blind_policy_changes_nothing_but_that_somebody_is_blind(given_, current):
    without = arbitrate(given_, current)
    with_it = arbitrate([*given_, Proposal("b", blind=True)], current)
    assert (with_it.wanted, with_it.desired) == (without.wanted, without.desired)
    assert with_it.blind


@given(st.lists(proposals(), min_size=1, max_size=5), st.integers(0, 50))
def test_bounds_of_the_highest_priority_always_hold(given_, current):
    top = max(p.priority for p in given_)
    lower = max((p.lower for p in given_ if p.priority == top and p.lower is not None), default=None)
    upper = min((p.upper for p in given_ if p.priority == top and p.upper is not None), default=None)
    desired = arbitrate(given_, current).desired
    assert lower is None or desired >= lower
    assert upper is None or desired <= max(upper, lower or 0)


@given(st.lists(proposals(), max_size=5), st.integers(0, 50))
def test_clamps_lead_from_what_is_wanted_to_what_is_desired(given_, current):
    verdict = arbitrate(given_, current)
    values = [verdict.wanted, *(c.after for c in verdict.clamps)]
    assert [c.before for c in verdict.clamps] == values[:-1]
    assert values[-1] == verdict.desired
    assert all(clamp.before != clamp.after for clamp in verdict.clamps)


@given(st.lists(proposals(), max_size=5), st.integers(0, 50))
def test_without_bounds_the_largest_preference_stands(given_, current):
    free = [Proposal(p.policy, desired=p.desired) for p in given_]
    preferences = [p.desired for p in free if p.desired is not None]
    assert arbitrate(free, current).desired == max(preferences, default=current)
