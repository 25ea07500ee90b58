"""Every guard: what it clamps or blocks, why, and until when."""

from itertools import pairwise

import pytest
from engine_world import MINUTE, QUICK, T0, Engine, clamped, rules, sample, settings
from pydantic import ValidationError

from forescale.model.decision import Direction
from forescale.model.state import Completed

OUT, IN, HOLD = Direction.OUT, Direction.IN, Direction.HOLD


def directions(decisions):
    return "".join({OUT: "+", IN: "-", HOLD: "."}[d.direction] for d in decisions)


def untils(decision):
    return {b.rule: None if b.until is None else b.until - T0 for b in decision.blockers}


# --- bounds --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guards", "group", "cpu", "desired"),
    [
        ({"max": 6}, {}, 100, 6),
        ({"max": 6}, {"maximum": 5}, 100, 5),
        ({}, {"maximum": 5}, 100, 5),
        ({"min": 3}, {}, 1, 3),
        ({"min": 1}, {"minimum": 2}, 1, 2),
        ({"min": 8}, {"maximum": 5}, 1, 5),  # a maximum wins over a minimum
        ({}, {}, 0, 0),
    ],
)
def test_bounds_of_the_configuration_and_of_the_group(guards, group, cpu, desired):
    assert Engine(settings(guards), desired=4, **group).tick(cpu).desired == desired


def test_a_bound_says_what_was_wanted():
    decision = Engine(settings({"max": 6}), desired=4).tick(100)
    assert [(c.rule, c.before, c.after, c.why) for c in decision.clamps] == [
        ("max", 8, 6, "the maximum is 6")
    ]


def test_a_lowered_maximum_scales_in_and_a_raised_minimum_out():
    assert Engine(settings({"max": 6}), desired=9).tick(40).desired == 6
    assert Engine(settings({"min": 6}), desired=2).tick(40).desired == 6


def test_bounds_that_contradict_each_other_are_refused():
    with pytest.raises(ValidationError, match=r"max \(4\) is below min \(5\)"):
        settings({"min": 5, "max": 4})
    assert Engine(settings({"min": 4, "max": 4}), desired=4).tick(100).direction is HOLD


# --- absence -------------------------------------------------------------------------------


def test_without_data_nothing_is_taken_away():
    engine = Engine(settings(policies=[QUICK, {"type": "schedule", "entries": [{"max": 2}]}]), desired=8)
    decision = engine.tick()
    assert (decision.direction, decision.wanted, decision.desired) == (HOLD, 8, 8)
    assert [(c.rule, c.before, c.after) for c in decision.clamps] == [("schedule", 8, 2), ("absence", 2, 8)]


def test_stale_data_is_no_data():
    """A bucket of a minute, told for five minutes after its end, and no longer."""
    cfg = settings(policies=[QUICK | {"in_after": "5m"}])
    engine = Engine(cfg, desired=8)
    engine.look(*(sample(T0 - 60 * i, 10) for i in range(5, 1, -1)))
    engine.now = T0 + 300 - 60
    assert engine.look().demand is not None
    engine.now += 1
    assert engine.look().demand is None


def test_one_blind_policy_freezes_scale_in_for_all():
    cfg = settings(
        policies=[QUICK, {"type": "threshold", "signal": "queue", "out_after": "1m"}],
        signals={"cpu": {}, "queue": {}},
    )
    engine = Engine(cfg, desired=8)
    decision = engine.tick(1)
    assert (decision.wanted, decision.desired, clamped(decision)) == (1, 8, ["absence"])
    assert "queue is absent or stale" in [r.text for r in decision.reasons]
    assert engine.tick(100).direction is OUT


def test_after_a_while_without_data_capacity_goes_to_the_floor():
    engine = Engine(settings({"absence": {"hold": "10m", "floor": 6}}), desired=3)
    engine.tick(50)
    decisions = engine.ticks(None, 16)
    assert directions(decisions) == "..............+."  # stale five minutes after the bucket's end
    assert decisions[14].clamps[0].why.startswith("no fresh data")
    assert engine.fleet.desired == 6


def test_the_floor_takes_nothing_away_and_keeps_to_the_maximum():
    guards = {"absence": {"hold": 0, "floor": 6}, "max": 5}
    assert Engine(settings(guards), desired=3).tick().desired == 5
    assert Engine(settings(guards | {"max": 20}), desired=9).tick().direction is HOLD


# --- stabilisation -------------------------------------------------------------------------


def test_scale_in_waits_until_nothing_larger_was_wanted_for_the_window():
    engine = Engine(settings({"stabilisation": {"out": 0, "in": "5m"}}), desired=4)
    decisions = [*engine.ticks(50, 3), *engine.ticks(25, 7)]
    assert directions(decisions) == "........-."
    assert decisions[4].clamps[0].why == "4 was wanted within the window"


def test_scale_in_goes_to_the_largest_of_the_window():
    engine = Engine(settings({"stabilisation": {"out": 0, "in": "3m"}}), desired=10)
    for cpu in (10, 10, 30, 10):
        decision = engine.tick(cpu)
    assert (decision.wanted, decision.desired) == (2, 6)


def test_scale_out_with_a_window_goes_to_the_smallest():
    engine = Engine(settings({"stabilisation": {"out": "3m", "in": 0}}), desired=4)
    decisions = [engine.tick(cpu) for cpu in (50, 100, 75, 100, 100)]
    assert [d.desired for d in decisions] == [4, 4, 4, 4, 6]
    assert decisions[1].clamps[0].rule == "stabilisation"


def test_nothing_is_known_of_before_the_first_look_so_the_first_look_counts():
    """A new process with a minute of low load does not scale in at once."""
    engine = Engine(settings({"stabilisation": {"out": 0, "in": "5m"}}), desired=8)
    assert directions(engine.ticks(10, 6)) == ".....-"


def test_what_was_wanted_holds_through_an_outage():
    """Wanted until the process died, an hour ago; a minute of low load is not yet a window of it."""
    engine = Engine(settings({"stabilisation": {"out": 0, "in": "5m"}}), desired=8)
    engine.ticks(50, 10)
    engine.now += 3600
    assert directions(engine.ticks(10, 7)) == ".....-."


def test_evaluations_further_apart_than_the_window_do_not_freeze_scale_in():
    engine = Engine(settings({"stabilisation": {"out": 0, "in": "1m"}}), desired=8)
    decisions = []
    for _ in range(3):
        engine.now += 600
        decisions.append(engine.look(sample(engine.now - 60, 10)))
    assert directions(decisions) == ".--"


# --- max step ------------------------------------------------------------------------------


def test_no_action_is_larger_than_allowed():
    engine = Engine(settings({"max_step": {"up": 3, "down": 1}}), desired=4)
    decision = engine.tick(100)
    assert [(c.rule, c.before, c.after) for c in decision.clamps] == [("max_step", 8, 7)]
    assert [d.desired for d in engine.ticks(1, 3)] == [6, 5, 4]


# --- protection and minimum life -----------------------------------------------------------


@pytest.mark.parametrize(
    ("protected", "desired"),
    [(0, 1), (2, 2), (8, 8), (9, 8)],
)
def test_protected_instances_stay(protected, desired):
    decision = Engine(settings({"min": 1}), desired=8, protected=protected).tick(1)
    assert decision.desired == desired


@pytest.mark.parametrize(
    ("ages", "protected", "desired"),
    [
        ((7200, 7200, 7200, 7200), 0, 1),
        ((7200, 7200, 60, 60), 0, 2),
        ((3600, 3599, 60, 60), 0, 3),
        ((60, 60, 60, 60), 0, 4),
        ((7200, 7200, 60, 60), 1, 3),  # the protected one may be one of the two old ones
        ((7200, 7200, 60, 60), 2, 4),
        ((7200, 7200, 7200, 7200), 1, 1),
    ],
)
def test_young_instances_stay(ages, protected, desired):
    launched = tuple(T0 + MINUTE - age for age in ages)
    guards = {"min": 1, "min_life": "1h"}
    engine = Engine(settings(guards), desired=4, launched=launched, protected=protected)
    assert engine.tick(1).desired == desired


def test_where_ages_are_not_known_minimum_life_cannot_hold():
    engine = Engine(settings({"min": 1, "min_life": "1h"}), desired=4, launched=None)
    assert engine.tick(1).desired == 1


def test_instances_still_booting_may_go_first_whatever_their_age():
    """A lowered maximum while two of six boot: those two were never in service."""
    cfg = settings({"min_life": "1h", "max": 3}, policies=[])
    engine = Engine(cfg, desired=6, in_service=4, launched=(T0,) * 4)
    decision = engine.tick(50)
    assert (decision.desired, clamped(decision)) == (4, ["max", "min_life"])


# --- the group's own state -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "cpu", "rule"),
    [
        ({"suspended": ("Launch",)}, 100, "suspended"),
        ({"suspended": ("Terminate",)}, 1, "suspended"),
        ({"refreshing": "r-1"}, 1, "instance_refresh"),
    ],
)
def test_what_the_group_forbids_is_not_tried(group, cpu, rule):
    decision = Engine(settings(), desired=4, **group).tick(cpu)
    assert (decision.direction, rules(decision)) == (HOLD, [rule])


def test_what_the_group_forbids_one_way_is_allowed_the_other():
    assert Engine(settings(), suspended=("Terminate",), refreshing="r-1").tick(100).direction is OUT
    assert Engine(settings(), suspended=("Launch",)).tick(1).direction is IN


# --- cooldown ------------------------------------------------------------------------------

COOLDOWN = {"cooldown": {"out": "2m", "in": "5m", "preempt": False}}


def test_cooldowns_differ_by_direction_and_are_visible_while_load_is_still_looked_at():
    engine = Engine(settings(COOLDOWN), desired=4)
    assert engine.tick(100).direction is OUT  # at 1 min
    decision = engine.tick(100)
    assert (decision.wanted, decision.desired, untils(decision)) == (16, 8, {"cooldown": 180})
    assert engine.tick(100).direction is OUT  # at 3 min
    decisions = engine.ticks(1, 5)
    assert directions(decisions) == "....-"
    assert untils(decisions[0]) == {"cooldown": 480}


def test_a_scale_out_may_preempt_the_cooldown_of_a_scale_in_only_where_configured():
    for preempt, expected in ((True, "-+"), (False, "-.")):
        guards = {"cooldown": {"out": "10m", "in": 0, "preempt": preempt}}
        engine = Engine(settings(guards), desired=8)
        assert directions([engine.tick(10), engine.tick(100)]) == expected


def test_preempting_one_cooldown_does_not_end_that_of_the_scale_out_before():
    """Out, in a minute later, out again: the first scale-out's ten minutes still run."""
    engine = Engine(settings({"cooldown": {"out": "10m", "in": 0, "preempt": True}}), desired=4)
    decisions = [engine.tick(100), engine.tick(1), *engine.ticks(100, 9)]
    assert directions(decisions) == "+-........+"
    assert untils(decisions[2]) == {"cooldown": 660}


def test_cooldown_survives_a_reversal_window_shorter_than_itself():
    guards = {"cooldown": {"out": "10m", "in": 0, "preempt": True}, "reversals": {"count": 9, "window": "1m"}}
    engine = Engine(settings(guards), desired=4)
    decisions = [engine.tick(100), engine.tick(60), engine.tick(1), engine.tick(1), *engine.ticks(100, 7)]
    assert directions(decisions) == "+.-.......+"


# --- confirmation --------------------------------------------------------------------------


def test_thirty_in_a_row_and_any_other_starts_anew():
    engine = Engine(settings({"min": 1, "confirm": {"in": 30}}), desired=8)
    decisions = engine.ticks(10, 29)
    assert directions(decisions) == "." * 29
    assert decisions[-1].blockers[0].why == "29 of 30 evaluations in a row"
    engine.tick(50)
    assert directions(engine.ticks(10, 30)) == "." * 29 + "-"
    assert directions(engine.ticks(10, 30)) == "." * 29 + "-"  # an action starts the count anew


@pytest.mark.parametrize("interruption", ["out", "absent", "unseen"])
def test_what_breaks_a_row(interruption):
    engine = Engine(settings({"min": 1, "confirm": {"out": 9, "in": 3}, "max": 9}), desired=8)
    engine.ticks(10, 2)
    if interruption == "out":
        engine.tick(100)
    elif interruption == "absent":
        engine.now += 400
        engine.tick()
    else:
        engine.tick(10, blind=True)
    assert directions(engine.ticks(10, 3)) == "..-"


def test_a_failing_read_of_the_group_does_not_start_a_scale_out_anew():
    engine = Engine(settings({"confirm": {"out": 3}}), desired=8)
    engine.ticks(100, 2)
    engine.tick(100, blind=True)
    assert engine.tick(100).direction is OUT


def test_a_blocked_evaluation_still_confirms():
    engine = Engine(settings({"confirm": {"in": 3}, **COOLDOWN}), desired=4)
    engine.tick(100)
    decisions = engine.ticks(10, 5)
    assert directions(decisions) == "....-"
    assert [rules(d) for d in decisions[:3]] == [["confirmation", "cooldown"]] * 2 + [["cooldown"]]


# --- reversals -----------------------------------------------------------------------------


def test_the_direction_turns_only_so_often_before_scale_in_waits():
    engine = Engine(settings({"reversals": {"count": 2, "window": "10m"}}), desired=4)
    decisions = [engine.tick(100 if i % 2 == 0 else 10) for i in range(20)]
    # Turns at 2 and 3 min; the scale-in of 4 min waits until the first has left the window.
    assert directions(decisions)[:4] == "+-+."
    assert untils(decisions[3]) == {"reversals": 720}
    assert decisions[3].blockers[0].why == "the direction has turned 2 times within the window"
    actions = [(d.time - T0, d.direction) for d in decisions if d.direction is not HOLD]
    turns = [time for (_, a), (time, b) in pairwise(actions) if a is not b]
    assert all(sum(t - 600 < turn <= t for turn in turns) <= 3 for t, _ in actions)


def test_with_no_turn_allowed_scale_in_waits_for_the_whole_window():
    engine = Engine(settings({"reversals": {"count": 0, "window": "5m"}}), desired=4)
    engine.tick(100)
    decisions = engine.ticks(10, 5)
    assert directions(decisions) == "....-"
    assert untils(decisions[0]) == {"reversals": 360}


def test_a_turn_at_the_edge_of_the_window_counts():
    """The action before the turn is older than the window; the turn itself is not."""
    engine = Engine(settings({"reversals": {"count": 1, "window": "10m"}}), desired=4)
    history = (Completed(T0 - 700, IN), Completed(T0 - 450, OUT))
    engine.look()
    engine.state = type(engine.state)("web", time=T0, history=history)
    engine.tick(100)  # one more scale-out: no turn, but memory is tidied
    decision = engine.tick(10)
    assert (decision.direction, untils(decision)) == (HOLD, {"reversals": 150})


def test_scale_out_is_never_held_back_for_turning():
    engine = Engine(settings({"reversals": {"count": 0, "window": "1h"}}), desired=8)
    assert directions([engine.tick(10), engine.tick(100)]) == "-+"


# --- all at once ---------------------------------------------------------------------------


def test_all_that_holds_an_action_back_is_visible_at_once():
    guards = {
        **COOLDOWN,
        "confirm": {"in": 3},
        "reversals": {"count": 0, "window": "5m"},
        "max_step": {"down": 2},
    }
    engine = Engine(settings(guards), desired=4, refreshing="r-1")
    engine.tick(100)
    decision = engine.tick(10)
    assert untils(decision) == {
        "instance_refresh": None,
        "confirmation": None,
        "cooldown": 360,
        "reversals": 360,
    }
    assert [(c.rule, c.before, c.after) for c in decision.clamps] == [("max_step", 2, 6)]
