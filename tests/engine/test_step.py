"""The reducer: outcomes, orders, crashes, clocks that jump; one decision per observation."""

import msgspec
import pytest
from engine_world import MINUTE, QUICK, T0, Engine, clamped, fleet, rules, sample, settings

from forescale.engine.settings import TargetSettings
from forescale.engine.step import step
from forescale.model.decision import Direction, Proposal
from forescale.model.effect import Done, NoOp, Refused, Retry
from forescale.model.event import Commanded, Event, Forecasted, Observed, Override, Pause, Reported, Resume
from forescale.model.fleet import LeadTime
from forescale.model.forecast import Forecast, NotReady
from forescale.model.state import State
from forescale.model.value import decode, encode

OUT, IN, HOLD = Direction.OUT, Direction.IN, Direction.HOLD


def acting(cfg=None, cpu=100.0, desired=4, **fields):
    """An engine whose action is journaled and has no outcome yet."""
    engine = Engine(cfg or settings(), desired=desired, **fields)
    engine.look(sample(T0 - 60, cpu))
    assert engine.act is not None
    return engine, engine.act


# --- decisions -----------------------------------------------------------------------------


def test_more_load_scales_out_and_less_scales_in():
    engine = Engine(settings(), desired=4)
    decision = engine.tick(100)
    assert (decision.direction, decision.current, decision.wanted, decision.desired) == (OUT, 4, 8, 8)
    decision = engine.tick(10)
    assert (decision.direction, decision.current, decision.desired) == (IN, 8, 2)


def test_a_decision_says_what_was_seen_and_why():
    decision = Engine(settings(), desired=4, lead_time=None).tick(100)
    assert decision.id == "web-1"
    assert (decision.demand, decision.in_service, decision.pending, decision.lead_time) == (4.0, 4, 0, 240.0)
    assert [r.rule for r in decision.reasons] == ["target_tracking"]
    assert "above 50%" in decision.reasons[0].text


def test_the_action_carries_what_it_was_decided_on():
    _, action = acting(settings(action_age="90s"))
    assert (action.id, action.direction, action.previous, action.desired) == ("web-1", OUT, 4, 8)
    assert (action.time, action.expires) == (T0, T0 + 90)


def test_an_unseen_fleet_is_left_alone():
    engine = Engine(settings(), desired=4)
    decision = engine.look(sample(T0 - 60, 100), blind=True, fleet=None)
    assert (decision.direction, rules(decision), engine.act) == (HOLD, ["fleet_unknown"], None)
    engine.tick(10)
    decision = engine.tick(100, blind=True, fleet=None, errors=("throttled", "no answer"))
    assert (decision.direction, decision.current, decision.desired) == (HOLD, 1, 1)
    assert decision.blockers[0].why == "throttled; no answer"


# --- outcomes ------------------------------------------------------------------------------


def test_only_done_starts_a_cooldown():
    guards = {"cooldown": {"out": "1m", "in": "5m", "preempt": False}}
    for outcome in (NoOp("web-1", "dry run"), Refused("web-1", "no"), Retry("web-1", 0.0, "throttled")):
        engine, _ = acting(settings(guards))
        engine.report(outcome)
        assert (engine.state.history, engine.state.acting) == ((), None)
    engine, action = acting(settings(guards))
    engine.report(Done(action.id, 8))
    assert [c.direction for c in engine.state.history] == [OUT]
    engine.resize(8)
    decision = engine.tick(10)
    assert [(b.rule, b.until) for b in decision.blockers] == [("cooldown", T0 + 300)]


def test_what_nothing_is_done_about_is_decided_again_but_asked_for_once():
    engine, action = acting()
    engine.report(NoOp(action.id, "dry run"))
    for _ in range(3):
        engine.now += 10
        assert (engine.look().direction, engine.act) == (OUT, None)
    engine.now += MINUTE
    assert engine.look(sample(engine.now - MINUTE, 50)).direction is HOLD
    engine.now += MINUTE
    engine.look(sample(engine.now - MINUTE, 100))
    again = engine.act
    assert (again.previous, again.desired) == (action.previous, action.desired)
    engine.report(NoOp(again.id, "dry run"))
    engine.now += 10
    engine.resize(action.previous + 1)
    engine.look()
    assert engine.act is not None, "another capacity is another action"


def test_what_nothing_is_done_about_is_asked_for_again_after_an_hour():
    engine, action = acting()
    engine.report(NoOp(action.id, "dry run"))
    asked = []
    for _ in range(61):
        engine.now += MINUTE
        engine.look(sample(engine.now - MINUTE, 100))
        asked.append(engine.act is not None)
    assert asked.index(True) == 59


def test_a_retry_and_a_refusal_hold_off_the_next_try():
    for outcome, pause in ((Retry("web-1", 25.0, "throttled"), 25.0), (Refused("web-1", "no"), 60.0)):
        engine, _ = acting()
        engine.report(outcome)
        engine.now += 10
        decision = engine.look()
        assert [(b.rule, b.until) for b in decision.blockers] == [("backoff", T0 + pause)]
        engine.now = T0 + pause
        assert engine.look().direction is OUT
        assert engine.act.id == "web-3"


def test_a_refusal_is_told():
    engine, _ = acting()
    engine.report(Refused("web-1", "no permission"))
    assert engine.notices == ["refused"]


@pytest.mark.parametrize("after", [1e12, 3601.0, -5.0])
def test_no_retry_is_put_off_for_ever(after):
    engine, _ = acting()
    engine.report(Retry("web-1", after, "throttled"))
    assert engine.state.backoff.until <= T0 + 3600
    engine.now += 3600
    assert engine.look(sample(engine.now - 60, 100)).direction is OUT


def test_what_the_actuator_says_it_set_is_what_is_expected():
    """The group's own maximum may have cut the action short: that is no foreign write."""
    engine, action = acting()
    engine.report(Done(action.id, 7))
    assert engine.state.expected == 7
    engine.resize(7)
    engine.tick(50)
    assert engine.notices == ["verified"]


def test_an_outcome_that_is_late_or_told_twice_changes_nothing():
    engine, action = acting()
    engine.report(Done(action.id, 8))
    before = engine.state
    engine.report(Done(action.id, 8))
    engine.report(Refused(action.id, "no"))
    engine.report(Done("web-99", 3))
    assert engine.state == before


def test_confirmations_start_anew_after_an_action():
    engine = Engine(settings({"confirm": {"out": 3}}), desired=4)
    assert [d.direction for d in engine.ticks(100, 3)] == [HOLD, HOLD, OUT]
    assert engine.state.confirmation.count == 0


# --- crashes -------------------------------------------------------------------------------


def test_a_crash_before_the_action_was_done_does_it_again_under_its_id():
    engine, action = acting()
    engine.now += 10
    decision = engine.look()
    assert engine.act == action
    assert (decision.direction, rules(decision)) == (HOLD, ["in_flight"])


def test_a_crash_after_the_action_was_done_starts_its_cooldown():
    engine, _ = acting(settings({"cooldown": {"out": "5m", "in": "5m"}}))
    engine.resize(8, in_service=4)
    engine.now += 10
    engine.look()
    assert (engine.act, engine.state.acting) == (None, None)
    assert [c.direction for c in engine.state.history] == [OUT]
    assert "foreign_write" not in engine.notices


@pytest.mark.parametrize(("cpu", "direction"), [(100.0, OUT), (10.0, IN)])
def test_an_action_that_was_not_done_in_time_is_dropped_and_decided_anew(cpu, direction):
    engine, action = acting(cpu=cpu)
    engine.now = action.expires
    decision = engine.look()
    assert "action_dropped" in engine.notices
    assert (decision.direction, engine.act.id) == (direction, "web-2")
    assert engine.state.history == ()


def test_an_action_is_dropped_where_somebody_else_has_written():
    engine, _ = acting()
    engine.resize(6)
    engine.now += 10
    engine.look()
    assert engine.notices[:2] == ["foreign_write", "action_dropped"]
    assert engine.state.expected == 6


@pytest.mark.parametrize(
    ("cpu", "before", "after", "again"),
    [
        (100, {"max": 8}, {"max": 8}, True),
        (100, {"max": 8}, {"max": 7}, False),
        (10, {"min": 2}, {"min": 2}, True),
        (10, {"min": 2}, {"min": 3}, False),
    ],
)
def test_an_action_beyond_bounds_that_were_changed_meanwhile_is_dropped(cpu, before, after, again):
    """Stopped, configured anew and started again, with an action journaled and not done."""
    engine, action = acting(settings(before), cpu=float(cpu), desired=4 if cpu == 100 else 10)
    engine.cfg = settings(after)
    engine.now += 10
    engine.look()
    assert (engine.act == action) is again
    assert ("action_dropped" in engine.notices) is not again


def test_half_a_scale_in_goes_on_under_its_id():
    """Instances terminated one after the other: a crash in the middle is no foreign write."""
    engine, action = acting(cpu=10.0, desired=10)
    assert (action.direction, action.desired) == (IN, 2)
    engine.resize(6)
    engine.now += 10
    engine.look(sample(engine.now - 60, 15.0))
    assert (engine.act, engine.notices) == (action, [])


def test_half_a_scale_in_that_got_no_further_counts_as_done():
    engine, action = acting(settings({"cooldown": {"out": 0, "in": "5m"}}), cpu=10.0, desired=10)
    engine.resize(6)
    engine.now = action.expires
    engine.look()
    assert engine.state.acting is None
    assert [c.direction for c in engine.state.history] == [IN]
    assert "foreign_write" not in engine.notices


def test_a_scale_in_is_not_tried_again_once_its_data_is_old():
    """Decided on fresh data, journaled, crashed: after the restart there is no data any more."""
    engine, action = acting(settings(action_age="1h"), cpu=10.0, desired=10)
    engine.now += 400
    decision = engine.look()
    assert decision.demand is None
    assert engine.act is None
    engine.now += 60
    engine.look(sample(engine.now - 60, 10.0))
    assert engine.act == action


def test_a_scale_out_is_tried_again_without_data():
    engine, action = acting(settings(action_age="1h"))
    engine.now += 400
    engine.look()
    assert engine.act == action


# --- orders by hand ------------------------------------------------------------------------


def test_no_action_while_paused_and_the_end_is_visible():
    engine = Engine(settings(), desired=4)
    engine.command(Pause(T0 + 600, "ada", "deploy"))
    decisions = engine.ticks(100, 9)
    assert {d.direction for d in decisions} == {HOLD}
    assert [(b.rule, b.why, b.until) for b in decisions[-1].blockers] == [
        ("pause", "paused by ada: deploy", T0 + 600)
    ]
    assert engine.tick(100).direction is OUT


def test_a_pause_stops_an_action_that_is_not_done_yet():
    engine, action = acting()
    engine.command(Pause(T0 + 600, "ada"))
    engine.now += 10
    engine.look()
    assert engine.act is None
    engine.command(Resume("ada"))
    engine.now += 10
    assert engine.look().direction is OUT
    assert engine.act.id != action.id


def test_an_override_stops_an_action_that_is_not_done_yet():
    engine, _ = acting()
    engine.command(Override(2, T0 + 600, "ada"))
    engine.now += 10
    decision = engine.look()
    assert (decision.direction, decision.desired) == (IN, 2)
    assert engine.act.id == "web-2"


def test_an_override_holds_a_capacity_whatever_the_policies_want():
    engine = Engine(settings(), desired=4)
    engine.command(Override(6, T0 + 300, "ada", "sale"))
    decision = engine.tick(10)
    assert (decision.direction, decision.wanted, decision.desired) == (OUT, 6, 6)
    assert decision.reasons[0].text == "override by ada: sale"
    assert {d.direction for d in engine.ticks(10, 3)} == {HOLD}
    assert engine.tick(10).direction is IN


def test_an_override_keeps_to_what_one_action_may_do():
    limits = {"min": 3, "max": 9, "max_step": {"up": 2, "down": 1}}
    engine = Engine(settings(limits), desired=4)
    engine.command(Override(50, T0 + 3600, "ada"))
    assert [d.desired for d in engine.ticks(50, 4)] == [6, 8, 9, 9]
    engine.command(Override(0, T0 + 3600, "ada"))
    assert [d.desired for d in engine.ticks(50, 7)] == [8, 7, 6, 5, 4, 3, 3]


def test_an_override_waits_for_nothing_that_only_makes_sure():
    patient = {
        "cooldown": {"out": "1h", "in": "1h", "preempt": False},
        "confirm": {"out": 9, "in": 9},
        "stabilisation": {"out": "1h", "in": "1h"},
        "reversals": {"count": 0},
    }
    engine = Engine(settings(patient), desired=4)
    for desired in (6, 2, 7, 3):
        engine.command(Override(desired, engine.now + 3600, "ada"))
        assert engine.tick(50).desired == desired


def test_an_override_spares_protected_and_young_instances():
    engine = Engine(settings(), desired=6, protected=4)
    engine.command(Override(1, T0 + 3600, "ada"))
    assert engine.tick(50).desired == 4
    engine = Engine(settings({"min_life": "1h"}), desired=3, launched=(T0 - 7200, T0 - 60, T0 - 60))
    engine.command(Override(1, T0 + 3600, "ada"))
    assert engine.tick(50).desired == 2


def test_an_override_without_data_goes_where_it_says_but_no_further():
    engine = Engine(settings({"max": 5}), desired=8)
    engine.command(Override(20, T0 + 3600, "ada"))
    decision = engine.tick()  # only the lowered maximum asks for fewer
    assert (decision.direction, clamped(decision)) == (HOLD, ["max", "absence"])
    engine.command(Override(3, T0 + 3600, "ada"))
    assert engine.tick().desired == 3


def test_an_override_ends_a_pause_and_resume_ends_both():
    engine = Engine(settings(), desired=4)
    engine.command(Pause(T0 + 600, "ada"))
    engine.command(Override(6, T0 + 600, "bob"))
    assert engine.tick(50).desired == 6
    engine.command(Pause(T0 + 600, "ada"))
    engine.command(Resume("ada"))
    assert (engine.state.pause, engine.state.override) == (None, None)
    assert engine.notices == ["command"]


def test_after_an_override_the_policies_decide_again_with_their_confirmations_anew():
    engine = Engine(settings({"confirm": {"out": 3}}), desired=4)
    engine.ticks(100, 2)
    engine.command(Override(4, engine.now + 90, "ada"))
    assert engine.tick(100).direction is HOLD
    assert [d.direction for d in engine.ticks(100, 3)] == [HOLD, HOLD, OUT]


def test_what_an_override_wanted_confirms_nothing_for_the_policies():
    engine = Engine(settings({"confirm": {"out": 3}}), desired=4, suspended=("Launch",))
    engine.command(Override(9, T0 + 150, "ada"))
    engine.ticks(100, 2)
    engine.fleet = msgspec.structs.replace(engine.fleet, suspended=())
    assert [d.direction for d in engine.ticks(100, 3)] == [HOLD, HOLD, OUT]


# --- clocks --------------------------------------------------------------------------------


def test_a_clock_that_jumps_ahead_makes_data_stale_and_holds():
    engine = Engine(settings(), desired=8)
    engine.ticks(50, 5)
    engine.now += 86400
    assert engine.look().demand is None
    assert engine.look(sample(engine.now - 86400, 1.0)).direction is HOLD


def test_a_clock_that_goes_back_drops_what_would_look_fresh():
    """The data of ten minutes ago would look like that of now."""
    engine = Engine(settings(), desired=8)
    engine.ticks(50, 20)
    engine.now -= 600
    decision = engine.look()
    assert "clock_back" in engine.notices
    assert (decision.demand, decision.direction) == (None, HOLD)
    engine.now += 60
    assert engine.look(sample(engine.now - 60, 10.0)).direction is IN


def test_signals_go_as_well_when_the_clock_goes_back_by_a_bucket():
    cfg = settings(policies=[{"type": "threshold", "signal": "cpu", "in_after": "1m"}], demand=None)
    for back, kept in ((59, True), (60, False)):
        engine = Engine(cfg, desired=8)
        engine.ticks(50, 5)
        engine.now -= back
        engine.look()
        assert bool(engine.state.signals) is kept


def test_a_clock_that_goes_back_lengthens_no_cooldown_beyond_what_is_configured():
    guards = {"cooldown": {"out": "1m", "in": "5m", "preempt": False}}
    engine = Engine(settings(guards), desired=4)
    engine.tick(100)
    engine.now -= 5000
    back = engine.now
    decision = engine.look(sample(back - 60, 10.0))
    assert [b.until for b in decision.blockers if b.rule == "cooldown"] == [back + 300]


def test_an_action_in_flight_does_not_outlive_its_age_when_the_clock_goes_back():
    engine, action = acting()
    engine.now -= 5000
    engine.look(sample(engine.now - 60, 100.0))
    assert engine.act is None or engine.act.id != action.id
    assert all(b.until <= engine.now + 120 for b in engine.look().blockers if b.until)


def test_the_floor_is_not_put_off_when_the_clock_goes_back():
    engine = Engine(settings({"absence": {"hold": "10m", "floor": 9}}), desired=4)
    engine.ticks(50, 2)
    engine.now -= 5000
    engine.look()
    engine.now += 600
    assert engine.look().desired == 9


def test_a_forecast_from_the_future_goes_when_the_clock_goes_back():
    for made, kept in ((T0, False), (T0 - 7200, True)):
        engine = Engine(settings())
        engine.put(Forecasted("f", T0, Forecast(made, 300.0, "naive", ((0.5, 3.0),))))
        engine.now -= 5000
        engine.look()
        assert (engine.state.forecast is not None) is kept


def test_backoff_keeps_what_is_left_of_it_when_the_clock_goes_back():
    engine, _ = acting()
    engine.report(Retry("web-1", 50.0, "throttled"))
    engine.now -= 5000
    decision = engine.look(sample(engine.now - 60, 100.0))
    assert [b.until for b in decision.blockers if b.rule == "backoff"] == [engine.now + 50]


def test_events_a_moment_out_of_order_are_no_clock_that_went_back():
    engine = Engine(settings(), desired=4)
    engine.ticks(50, 5)
    loads, serving = engine.state.loads, engine.state.serving
    engine.now -= 0.4
    engine.look()
    assert engine.notices == []
    assert (engine.state.loads, engine.state.serving) == (loads, serving)


def test_a_small_step_back_keeps_the_data():
    engine = Engine(settings(), desired=4)
    engine.ticks(50, 5)
    engine.now -= 5
    assert engine.look().demand == 2.0
    assert engine.notices == ["clock_back"]


# --- verification --------------------------------------------------------------------------


def test_capacity_that_arrives_is_told_with_the_time_it_took():
    engine, action = acting()
    engine.report(Done(action.id, 8))
    engine.resize(8, in_service=4)
    engine.tick(50)
    assert engine.notices == []
    engine.resize(8)
    engine.tick(50)
    assert engine.notices == ["verified"]
    assert "after 120 s" in engine.effects[0].text


def test_capacity_that_is_late_is_told_by_the_new_clock():
    engine, action = acting()
    engine.report(Done(action.id, 8))
    engine.resize(8, in_service=4)
    engine.now -= 5000
    told = []
    for _ in range(12):
        engine.now += MINUTE
        engine.look(sample(engine.now - 60, 50.0))
        told += engine.notices
    assert told == ["clock_back", "late_capacity"]


def test_capacity_that_does_not_arrive_is_told_once():
    engine, action = acting()
    engine.report(Done(action.id, 8))
    engine.resize(8, in_service=4)
    told = []
    for _ in range(12):
        engine.now += MINUTE
        engine.look(sample(engine.now - 60, 50.0))
        told += engine.notices
    assert told == ["late_capacity"]


# --- the shape -----------------------------------------------------------------------------


def test_a_forecast_is_remembered_and_decides_nothing_by_itself():
    forecast = Forecast(T0, 300.0, "naive", ((0.5, 3.0), (0.9, 4.0)))
    engine = Engine(settings())
    assert engine.put(Forecasted("f", T0, forecast)) == ()
    assert engine.state.forecast == forecast


def test_policies_hear_the_forecast():
    heard = []

    class Listener:
        label, lookback = "listener", 0.0

        def propose(self, obs, forecast):
            heard.append(forecast)
            return Proposal("listener")

    fields = {name: getattr(settings(), name) for name in TargetSettings.model_fields}
    engine = Engine(TargetSettings.model_construct(**fields | {"policies": (Listener(),)}))
    engine.look()
    forecast = Forecast(T0, 300.0, "naive", ((0.5, 3.0),))
    engine.put(Forecasted("f", T0, forecast))
    engine.look()
    assert heard == [NotReady("none has been made yet"), forecast]


def test_an_outcome_before_anything_was_seen_is_ignored():
    engine = Engine(settings())
    assert engine.put(Reported("r", T0, Done("web-1", 3))) == ()
    assert engine.state == State("web", time=T0)


def test_a_first_look_at_a_group_owes_nothing_to_the_past():
    engine = Engine(settings(policies=[QUICK]), desired=4)
    engine.put(Observed("r", T0, (), fleet(4)))
    assert engine.state.seq == 1
    assert engine.notices == []


def test_whole_numbers_where_floats_are_meant_decide_the_same_to_the_byte():
    """Python takes an int for a float; JSON gives a float back: a replay must not see a difference."""
    cfg = settings(
        policies=[QUICK, {"type": "threshold", "signal": "queue"}], signals={"cpu": {}, "queue": {}}
    )
    group = fleet(4, lead_time=LeadTime(90, 3), launched=(int(T0) - 600,) * 4)
    start = int(T0)
    events = [
        Observed("a", start, (sample(start - 60, 100), sample(start - 60, 50, "queue")), group),
        Reported("b", start, Retry("web-1", 5, "throttled")),
        Commanded("c", start, Pause(start + 90, "ada")),
        Observed("d", start + 10, ()),
        Observed("e", start + 60, (sample(start, 100), sample(start, 50, "queue"))),
        Commanded("f", start + 60, Override(7, start + 900, "ada")),
        Observed("g", start + 70, ()),
        Reported("h", start + 70, Done("web-4", 7)),
        Observed("i", start + 80, (), fleet(7)),
    ]
    live = replayed = State("web")
    for event in events:
        live, effects = step(live, event, cfg)
        replayed, again = step(decode(encode(replayed), State), decode(encode(event), Event), cfg)
        assert encode(list(effects)) == encode(list(again))
