"""Folding loses nothing, and says which of two records differs and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lives import START, Life, decided, decision_sequences, events
from msgspec.structs import replace

from forescale.model.decision import Direction
from forescale.model.event import Observed
from forescale.model.value import encode
from forescale.store import fold


@given(st.lists(events, max_size=30))
def test_events_come_back_byte_for_byte(given_events):
    runs = list(fold.fold_events(given_events))
    back = [event for run in runs for event in fold.expand_events(run)]
    assert [encode(e) for e in back] == [encode(e) for e in given_events]
    assert sum(run.count for run in runs) == len(given_events)
    for run in runs:
        *_, last = fold.expand_events(run)
        assert run.last == fold.Stamp(last.id, last.time)


@given(decision_sequences())
def test_decisions_come_back_byte_for_byte(given_decisions):
    runs = list(fold.fold_decisions(given_decisions))
    back = [decision for run in runs for decision in fold.expand_decisions(run)]
    assert [encode(d) for d in back] == [encode(d) for d in given_decisions]
    for run in runs:
        *_, last = fold.expand_decisions(run)
        assert (run.last_id, run.last) == (last.id, fold.Stamp(last.event, last.time))
        assert run.digest == fold.digest_of(fold.expand_decisions(run))


@given(decision_sequences())
def test_equal_decisions_replayed_do_not_differ(given_decisions):
    assert fold.first_difference(fold.fold_decisions(given_decisions), given_decisions) is None


@given(decision_sequences(), st.data())
def test_the_first_decision_that_differs_is_found(given_decisions, data):
    if not given_decisions:
        return
    i = data.draw(st.integers(0, len(given_decisions) - 1))
    other = replace(given_decisions[i], desired=given_decisions[i].desired + 1)
    replayed = [*given_decisions[:i], other, *given_decisions[i + 1 :]]
    found = fold.first_difference(fold.fold_decisions(given_decisions), replayed)
    assert found == fold.Difference(other.id, given_decisions[i], other)


@given(decision_sequences(), st.data())
def test_a_missing_and_an_extra_decision_are_found(given_decisions, data):
    if not given_decisions:
        return
    cut = data.draw(st.integers(0, len(given_decisions) - 1))
    gone = given_decisions[cut]
    shorter = given_decisions[:cut]
    assert fold.first_difference(fold.fold_decisions(given_decisions), shorter) == fold.Difference(
        gone.id, gone, None
    )
    assert fold.first_difference(fold.fold_decisions(shorter), given_decisions) == fold.Difference(
        gone.id, None, gone
    )


def test_a_record_that_does_not_match_its_digest_is_told():
    decisions = [decided("web", n, START + n, f"r{n}") for n in (1, 2, 3)]
    (run,) = fold.fold_decisions(decisions)
    broken = replace(run, digest="00" * 32)
    assert fold.first_difference([broken], decisions) == fold.Difference("web-1", decisions[0], decisions[0])


def test_a_quiet_hour_is_one_short_run():
    life = Life()
    for _ in range(fold.LIMIT):
        life.quiet()
    (run,) = fold.fold_events(life.events)
    assert run.count == fold.LIMIT == 360
    assert len(encode(run.ticks)) < 20 * fold.LIMIT
    (decisions,) = fold.fold_decisions(life.decisions)
    assert (decisions.first.id, decisions.last_id, decisions.count) == ("web-1", "web-360", 360)


def test_a_run_is_full_at_its_limit():
    life = Life()
    for _ in range(fold.LIMIT + 1):
        life.quiet()
    assert [run.count for run in fold.fold_events(life.events)] == [fold.LIMIT, 1]
    assert [run.count for run in fold.fold_decisions(life.decisions)] == [fold.LIMIT, 1]


def test_quiet_evaluations_follow_the_news_they_come_after():
    life = Life()
    for make in (life.news, life.quiet, life.quiet, life.news, life.quiet):
        make()
    assert [run.count for run in fold.fold_events(life.events)] == [3, 2]


def test_an_outage_folds_as_well_and_its_end_does_not():
    life = Life()
    life.quiet()
    life.failing("metrics: throttled")
    life.failing("metrics: throttled")
    life.failing("metrics: denied")
    life.quiet()
    assert [run.count for run in fold.fold_events(life.events)] == [1, 2, 1, 1]


@pytest.mark.parametrize(
    ("before", "after"),
    [(1.0, 2), (1.0, 0.0), (1.0, -0.0), (1e300, 2e-300), (1.0, float("nan")), (1.0, float("inf"))],
    ids=repr,
)
def test_a_time_that_would_not_come_back_exactly_is_not_folded(before, after):
    run = fold.start_events(Observed("a", before))
    assert fold.add_event(run, Observed("b", after)) is None


def test_equal_is_meant_to_the_byte():
    one, two = decided("web", 1, START, "a", demand=1.0), decided("web", 2, START, "b", demand=1)
    assert fold.add_decision(fold.start_decisions(one), two) is None


def test_decisions_of_two_directions_or_targets_do_not_fold():
    run = fold.start_decisions(decided("web", 1, START, "a"))
    assert fold.add_decision(run, decided("web", 2, START, "b", Direction.OUT)) is None
    assert fold.add_decision(run, decided("api", 2, START, "b")) is None
    assert fold.add_decision(run, decided("web", 3, START, "b")) is None


@pytest.mark.parametrize(
    "text", ["", "-", "web", "web-", "-1", "web-x", "web-01", "web-1.5", "web-¹", "web-" + "9" * 19]
)
def test_what_is_not_an_id_is_not_taken_for_one(text):
    assert fold.split_id(text) is None


@given(st.text(min_size=1), st.integers(0, 10**18 - 1))
def test_ids_split_into_what_they_were_made_of(target, number):
    assert fold.split_id(fold.decision_id(target, number)) == (target, number)


def test_a_decision_with_a_foreign_id_is_refused():
    with pytest.raises(ValueError, match="is not an id of a decision"):
        fold.start_decisions(replace(decided("web", 1, START, "a"), id="api-1"))
