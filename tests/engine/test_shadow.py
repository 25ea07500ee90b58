"""Tallies and arms in the shadow: they count what the simulation counts, and never act."""

import msgspec
import numpy as np
import pytest
from engine_world import MINUTE, QUICK, T0, Engine, fleet, sample, settings

from forescale.engine.settings import TargetSettings
from forescale.engine.step import step
from forescale.model.effect import Act, Done
from forescale.model.errors import ConfigError
from forescale.model.event import Forecasted, Observed, Reported
from forescale.model.forecast import Forecast
from forescale.model.state import State
from forescale.model.tally import MEMORY, Tally
from forescale.model.value import decode, encode
from forescale.series.trace import Trace
from forescale.sim.backtest import compare, simulate
from forescale.sim.baselines import baseline_target_tracking
from forescale.sim.generator import daily_load
from forescale.sim.plant import Plant
from forescale.sim.telemetry import Telemetry

LEAD = 4


def bursty(days=2, seed=3):
    trace = daily_load(seed, days * 1440, start=T0).scaled(20)
    load = trace.load.copy()
    load[300:307] = np.nan
    load[900:930] *= 2.5
    return Trace(T0, load)


def played(cfg, trace, lead=LEAD):
    """Every state after a minute, of a simulated group under `cfg`."""
    plant, telemetry = Plant(int(np.ceil(trace.load[0])), lead, start=trace.start), Telemetry(cfg)
    state = State("web")
    for minute, load in enumerate(trace.load.tolist()):
        plant.begin(minute)
        samples = telemetry.minute(trace.time(minute), load, plant.serving)
        plant.begin(minute + 1)
        event = Observed(f"r{minute}", trace.time(minute + 1), samples, plant.news())
        state, effects = step(state, event, cfg)
        for effect in effects:
            if isinstance(effect, Act):
                plant.resize(effect.action.desired, minute)
                done = Done(effect.action.id, effect.action.desired)
                state, _ = step(state, Reported(event.id, event.time, done), cfg)
        yield state


def scored(cfg, trace, lead=LEAD):
    run = simulate(cfg, trace, lead)
    return run, compare({"it": run}, trace.load, lead)["it"]


def assert_tells(tally, score):
    assert 100 * tally.total.violations == pytest.approx(score.violations, rel=1e-9)
    assert tally.billed / 3600 == pytest.approx(score.instance_hours, rel=1e-9)


def shadowed(cfg, **arms):
    return TargetSettings.model_validate(cfg.model_dump(mode="json", by_alias=True) | {"shadow": arms})


def test_the_live_tally_tells_what_the_simulation_measures():
    trace, cfg = bursty(), baseline_target_tracking(0.7)
    *_, last = played(cfg, trace)
    _, score = scored(cfg, trace)
    assert score.violations > 0.1
    assert_tells(last.tally, score)
    assert last.tally.minutes == np.count_nonzero(~np.isnan(trace.load))


@pytest.mark.parametrize("lead", [1, 4, 13])
@pytest.mark.parametrize("target", [0.4, 0.6, 0.9])
def test_an_arm_is_the_simulation_of_its_policy_minute_by_minute(target, lead):
    """Whatever the target itself does: here something else altogether."""
    trace = bursty(days=1, seed=int(target * 10) + lead)
    arm = {"policies": [{"type": "target_tracking", "target": target}]}
    cfg = shadowed(baseline_target_tracking(0.55), it=arm)
    states = list(played(cfg, trace, lead))
    run, score = scored(baseline_target_tracking(target), trace, lead)
    arms = [state.arms["it"] for state in states]
    assert [arm.desired for arm in arms] == run.desired.tolist()
    served = [arm.serving for arm in arms[:-1]]  # as the next minute begins, but for what is removed at once
    assert served == run.serving[1:].tolist()
    assert_tells(arms[-1].tally, score)


def test_guards_of_an_arm_hold_as_in_the_simulation():
    trace = bursty(days=1)
    policies = [{"type": "target_tracking", "target": "60%", "in_after": "5m"}]
    guards = {
        "min": 3,
        "max": 25,
        "max_step": {"up": 4, "down": 2},
        "confirm": {"out": 2, "in": 2},
        "cooldown": {"out": "2m", "in": "7m"},
        "stabilisation": {"in": "10m"},
        "reversals": {"count": 1, "window": "30m"},
    }
    cfg = shadowed(baseline_target_tracking(), it={"policies": policies, "guards": guards})
    alone = TargetSettings.model_validate({"policies": policies, "guards": guards})
    run = simulate(alone, trace, LEAD)
    assert [state.arms["it"].desired for state in played(cfg, trace)] == run.desired.tolist()


def test_an_arm_of_the_same_strategy_costs_the_same():
    cfg = shadowed(baseline_target_tracking(), same={})
    *_, last = played(cfg, bursty())
    assert last.arms["same"].tally == last.tally


def test_an_arm_keeps_to_the_bounds_of_its_target():
    cfg = settings({"min": 3, "max": 6}, policies=[QUICK], shadow={"a": {}})
    assert (cfg.arms["a"].guards.min, cfg.arms["a"].guards.max) == (3, 6)


def test_arms_never_act_and_change_no_decision():
    trace = bursty(days=1)
    alone, both = (
        baseline_target_tracking(),
        shadowed(baseline_target_tracking(), other={"policies": [QUICK]}),
    )
    for a, b in zip(played(alone, trace), played(both, trace), strict=True):
        assert (a.history, a.expected, a.tally, a.seq) == (b.history, b.expected, b.tally, b.seq)


def test_the_state_stays_small_and_survives_its_json():
    *_, state = played(shadowed(baseline_target_tracking(), a={}), bursty())
    assert decode(encode(state), State) == state
    assert len(encode(state.arms["a"])) < 2000


def test_a_state_from_before_there_were_tallies():
    cfg = shadowed(baseline_target_tracking(), a={})
    *_, last = played(cfg, bursty(days=1))
    old = msgspec.json.decode(encode(last))
    del old["tally"], old["arms"]
    state = decode(msgspec.json.encode(old), State)
    assert (state.tally, state.arms) == (Tally(), {})
    event = Observed("r", last.time + MINUTE, (sample(last.time, 40.0),))
    state, _ = step(state, event, cfg)
    assert state.tally.minutes == state.arms["a"].tally.minutes == 1
    assert state.arms["a"].desired == state.expected


def test_a_bucket_is_counted_once_and_only_when_it_has_ended():
    engine = Engine(settings(policies=[{"type": "target_tracking", "target": "99%"}]), 4)
    engine.tick(50.0)
    assert engine.state.tally.total == Tally(2.0 * 60, 0.0, 4.0 * 60, 1.0).total
    engine.look(sample(engine.now - MINUTE, 60.0))  # corrected
    engine.look(sample(engine.now, 70.0))  # not over yet
    engine.look(sample(engine.now - 2 * MINUTE, 70.0))  # late
    assert engine.state.tally.minutes == 1
    engine.tick(70.0)
    assert engine.state.tally.minutes == 2
    assert engine.state.tally.requests == pytest.approx((2.0 + 2.8) * 60)


def test_more_demand_than_instances_is_violated():
    cfg = settings(
        signals={"r": {"unit": "per_second"}},
        demand={"signal": "r", "per_instance": 1},
        policies=[{"type": "target_tracking", "target": "100%", "out_after": "10m"}],
    )
    engine = Engine(cfg, 4)
    for rate in (4.0, 4.5, 1.5):
        engine.now += MINUTE
        engine.look(sample(engine.now - MINUTE, rate, "r"))
    assert engine.state.tally.total.violations == pytest.approx(0.45)


def test_a_metric_that_stops_at_all_of_the_capacity_can_be_violated_below():
    cfg = settings({"confirm": {"out": 99}}, demand={"violated_above": "95%"}, shadow={"a": {}})
    engine = Engine(cfg, 4)
    for used in (90.0, 95.0, 96.0, 100.0):
        engine.tick(used)
    assert (
        engine.state.tally.violated == engine.state.arms["a"].tally.violated == pytest.approx(1.96 * 4 * 60)
    )


def test_what_drains_and_boots_is_billed_and_a_time_unseen_is_not():
    engine = Engine(settings(policies=[QUICK]), 4)
    engine.look()
    engine.fleet = fleet(4, 2, draining=3)
    engine.now += 10
    engine.look()
    engine.now += 10
    engine.look()
    engine.fleet = fleet(4)
    engine.look()
    assert engine.state.tally.billed == (60 + 10) * 4 + 10 * 7
    engine.now += 10 * 86400
    engine.tick(50.0)
    assert engine.state.tally.billed == pytest.approx((60 + 10) * 4 + 10 * 7 + 3600 * 4)


def test_recent_sums_forget_in_a_week():
    engine = Engine(settings({"confirm": {"out": 100, "in": 100}}, policies=[QUICK]), 4)
    hours = int(MEMORY / 3600)
    for _ in range(hours):
        engine.tick(50.0, after=3600.0)
    total, recent = engine.state.tally.total, engine.state.tally.recent
    assert recent.billed / total.billed == pytest.approx(1 - np.exp(-1), rel=0.01)
    assert recent.requests / total.requests == pytest.approx(1 - np.exp(-1), rel=0.01)


def test_a_clock_that_goes_back_bills_nothing_twice():
    engine = Engine(shadowed(settings(policies=[QUICK]), a={}), 4)
    engine.ticks(20.0, 30)
    before = engine.state
    engine.now -= 3600
    engine.tick(20.0)
    for old, new in ((before, engine.state), (before.arms["a"].state, engine.state.arms["a"].state)):
        assert 0 <= new.tally.billed - old.tally.billed <= 61 * 4
        assert new.tally.minutes - old.tally.minutes <= 1
        assert new.tally.until <= engine.now
    engine.ticks(20.0, 5)
    assert engine.state.arms["a"].state.time == engine.now


def test_an_arm_that_is_no_longer_configured_ends_and_a_new_one_begins_as_the_group_is():
    base = settings(policies=[QUICK])
    engine = Engine(shadowed(base, a={}), 4)
    engine.ticks(40.0, 3)
    engine.cfg = shadowed(base, b={})
    engine.tick(40.0)
    assert set(engine.state.arms) == {"b"}
    assert engine.state.arms["b"].desired == engine.state.fleet.in_service
    assert engine.state.arms["b"].tally.minutes == 1
    engine.cfg = base
    engine.tick(40.0)
    assert engine.state.arms == {}


def test_policies_see_the_tallies_of_their_target_and_of_the_arms_they_ask_for():
    seen = []

    class Asking:
        lookback = 0.0

        @property
        def arms(self):
            return {"status-quo": baseline_target_tracking().policies}

        def propose(self, obs, forecast):
            seen.append(obs)
            return baseline_target_tracking(0.5).policies[0].propose(obs, forecast)

    cfg = TargetSettings.model_construct(
        **{
            name: getattr(base, name)
            for base in [baseline_target_tracking()]
            for name in type(base).model_fields
        }
        | {"policies": (Asking(),)}
    )
    trace = bursty(days=1)
    *_, last = played(cfg, trace)
    assert seen[-1].arms == {"status-quo": last.arms["status-quo"].tally}
    assert seen[-1].tally.minutes == seen[-1].arms["status-quo"].minutes == last.tally.minutes
    assert_tells(last.arms["status-quo"].tally, scored(baseline_target_tracking(), trace)[1])


def test_an_arm_cannot_read_a_signal_that_there_is_not():
    threshold = {"type": "threshold", "signal": "queue", "above": 5, "below": 1}
    with pytest.raises((ConfigError, ValueError), match=r"shadow.a.policies\[0\].signal 'queue'"):
        settings(policies=[QUICK], shadow={"a": {"policies": [threshold]}})


def test_an_arm_may_read_signals_that_its_target_does_not():
    threshold = {"type": "threshold", "signal": "queue", "above": 50, "below": 10, "out_after": "1m"}
    base = {"signals": {"cpu": {}, "queue": {}}, "policies": [QUICK]}
    engine = Engine(settings(**base, shadow={"a": {"policies": [threshold]}}), 4)
    for _ in range(3):
        engine.now += MINUTE
        engine.look(sample(engine.now - MINUTE, 45.0), sample(engine.now - MINUTE, 80.0, "queue"))
    arm = engine.state.arms["a"]
    assert arm.desired > 4
    assert arm.state.signals == {}  # shared with its target, not kept twice
    assert len(engine.state.signals["queue"]) == 3


def test_an_arm_hears_the_forecast_of_its_target():
    heard = []

    class Listener:
        lookback = 0.0

        def propose(self, obs, forecast):
            heard.append(forecast)
            return baseline_target_tracking().policies[0].propose(obs, forecast)

    class Asking(Listener):
        arms = {"listens": (Listener(),)}  # noqa: RUF012

        def propose(self, obs, forecast):
            return baseline_target_tracking().policies[0].propose(obs, forecast)

    base = baseline_target_tracking()
    fields = {name: getattr(base, name) for name in TargetSettings.model_fields} | {"policies": (Asking(),)}
    engine = Engine(TargetSettings.model_construct(**fields), 4)
    forecast = Forecast(T0, 300.0, "made up", ((0.5, 3.0), (0.9, 4.0)))
    engine.put(Forecasted("f", T0, forecast))
    engine.tick(50.0)
    assert heard == [forecast]
    assert engine.state.arms["listens"].state.forecast is None
