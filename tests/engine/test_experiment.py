"""Experiments on a live target: who decides when, what counts, and what ends them."""

from random import Random

import msgspec
import pytest
from engine_world import MINUTE, QUICK, T0, Engine, sample, settings
from pydantic import ValidationError

from forescale.engine.experiment import is_treated, pairs
from forescale.engine.settings import TargetSettings
from forescale.engine.step import step
from forescale.model.effect import Act, Decided, Done, NoOp, Notice
from forescale.model.event import Observed, Override, Pause, Reported
from forescale.model.state import State
from forescale.model.trial import Slice
from forescale.model.value import decode, encode
from forescale.sim.generator import daily_load
from forescale.sim.plant import Plant
from forescale.sim.telemetry import Telemetry

HOUR = 3600.0
TRIED = {"policies": [{"type": "target_tracking", "target": "70%"}]}
QUARTER = {"name": "tighter", "treatment": TRIED, "slice": "2h", "settle": "10m"}


def experimenting(**fields):
    return settings(
        policies=[{"type": "target_tracking", "target": "50%"}], experiment=QUARTER | fields, lead_time="4m"
    )


def played(cfg, hours, *, load=None, state=None, seed=5, act=True):
    """A simulated group under `cfg`: the last state, all decisions, all notices."""
    trace = load or daily_load(seed, int(hours * 60), start=T0).scaled(20)
    plant, telemetry = Plant(20, 4, start=trace.start), Telemetry(cfg)
    state, decisions, notices = state or State("web"), [], []
    for minute, value in enumerate(trace.load.tolist()):
        plant.begin(minute)
        samples = telemetry.minute(trace.time(minute), value, plant.serving)
        plant.begin(minute + 1)
        event = Observed(f"r{minute}", trace.time(minute + 1), samples, plant.news())
        state, effects = step(state, event, cfg)
        for effect in effects:
            if isinstance(effect, Act):
                action = effect.action
                if act:
                    plant.resize(action.desired, minute)
                outcome = Done(action.id, action.desired) if act else NoOp(action.id, "dry run")
                state, _ = step(state, Reported(event.id, event.time, outcome), cfg)
        decisions += [e.decision for e in effects if isinstance(e, Decided)]
        notices += [e for e in effects if isinstance(e, Notice) and e.kind == "experiment"]
    return state, decisions, notices


def who(decision):
    return [reason.text for reason in decision.reasons if reason.rule == "experiment"]


def test_each_pair_of_slices_has_both_in_an_order_drawn_by_lot():
    experiment = experimenting().experiment
    drawn = [is_treated(experiment, "web", index) for index in range(2000)]
    assert all(a != b for a, b in zip(drawn[::2], drawn[1::2], strict=True))
    assert 420 < sum(drawn[::2]) < 580
    assert drawn == [is_treated(experiment, "api", index) for index in range(2000)]
    other = experimenting(seed=1).experiment
    assert 300 < sum(is_treated(other, "web", i) == drawn[i] for i in range(0, 2000, 2)) < 700


def test_of_two_matched_targets_one_is_treated_throughout():
    sides = set()
    for seed in range(40):
        web = experimenting(design="matched", matched_with="api", seed=seed).experiment
        api = experimenting(design="matched", matched_with="web", seed=seed).experiment
        found = {is_treated(web, "web", index) for index in range(50)}
        assert {is_treated(api, "api", index) for index in range(50)} == {not side for side in found}
        assert len(found) == 1
        sides |= found
    assert sides == {True, False}


def test_who_decides_is_in_the_reasons_and_decides():
    cfg = experimenting()
    _, decisions, _ = played(cfg, 24)
    for decision in decisions:
        index = int(decision.time // (2 * HOUR))
        side = "treatment" if is_treated(cfg.experiment, "web", index) else "control"
        assert who(decision) == [f"tighter: {side} decides in slice {index}"]
        treated = side == "treatment"
        texts = " ".join(p.reasons[0].text for p in decision.proposals)
        assert not ("above 50%" in texts and treated)
        assert not ("above 70%" in texts and not treated)


def test_slices_show_what_the_treatment_does_against_the_control_in_the_shadow():
    state, *_ = played(experimenting(), 48)
    slices = state.trial.slices
    assert len(slices) >= 22
    assert all(
        s.cost == pytest.approx(1.0, abs=0.05) for s in slices if not s.treated
    )  # but for what it took over
    assert all(s.cost < 0.9 for s in slices if s.treated)
    assert len(list(pairs(slices))) >= 11
    assert state.trial.treatment.cost < 0.85 * state.trial.control.cost


def test_the_state_of_an_experiment_is_small_and_survives_its_json():
    state, *_ = played(experimenting(), 48)
    assert decode(encode(state), State) == state
    assert len(encode(state.trial)) < 60 * len(state.trial.slices) + 800


def test_it_is_replayed_to_the_byte_from_any_state():
    cfg = experimenting()
    state, first, _ = played(cfg, 5)
    again, second, _ = played(cfg, 5)
    assert encode(list(first)) == encode(list(second))
    assert encode(state) == encode(again)


def test_guards_of_the_treatment_hold_while_it_decides_only():
    cfg = experimenting(treatment=TRIED | {"guards": {"min": 17, "cooldown": {"in": 0, "out": 0}}})
    _, decisions, _ = played(cfg, 24)
    late = [d for d in decisions if d.time % (2 * HOUR) > HOUR]
    treated = [d.desired for d in late if "treatment" in who(d)[0]]
    control = [d.desired for d in late if "control" in who(d)[0]]
    assert min(treated) == 17 > min(control)


def test_what_is_held_by_hand_or_not_done_does_not_count():
    state, *_ = played(experimenting(), 24, act=False)
    assert state.trial.slices == ()
    engine = Engine(experimenting(), 4)
    for order in (Override(4, T0 + 40 * HOUR, "ada"), Pause(T0 + 40 * HOUR, "ada")):
        engine.command(order)
        for _ in range(5 * 60):
            engine.tick(40.0)
        assert engine.state.trial.slices == ()


def test_a_slice_with_too_little_data_or_come_upon_half_way_does_not_count():
    engine = Engine(experimenting(), 4, now=T0 + HOUR)
    engine.ticks(40.0, 4 * 60)
    assert [s.index for s in engine.state.trial.slices] == [int(T0 // (2 * HOUR)) + 1]
    for _ in range(5 * 12):
        engine.tick(40.0, after=5 * MINUTE)
    assert len(engine.state.trial.slices) == 2  # the second had begun with a datapoint a minute


def test_harm_ends_it_for_good_and_the_control_decides():
    """A treatment with hardly any headroom on a load with bursts."""
    cfg = experimenting(
        treatment={"policies": [{"type": "target_tracking", "target": "100%", "out_after": "20m"}]},
        harm={"at_once": "100%"},
    )
    state, decisions, notices = played(cfg, 14 * 24)
    assert "the treatment violates at least" in state.trial.ended
    (notice,) = notices
    assert notice.text.startswith("experiment tighter has ended: the treatment violates at least")
    after = [d for d in decisions if d.time >= notice.time]
    assert after
    assert all(who(d) == [] for d in after)
    assert not state.trial.treated
    assert "above 50%" in " ".join(p.reasons[0].text for d in after for p in d.proposals)


def test_many_violations_end_it_within_the_slice():
    cfg = experimenting(
        treatment={"policies": [{"type": "schedule", "entries": [{"desired": 5}]}], "guards": {"max": 5}}
    )
    state, _, (notice,) = played(cfg, 24)
    assert notice.text.startswith("experiment tighter has ended: in one slice the treatment violated 1")
    assert 26 * MINUTE <= notice.time % (2 * HOUR) <= 40 * MINUTE
    assert len(state.trial.slices) <= 2


def test_no_harm_no_stop():
    cfg = experimenting(treatment={"policies": [{"type": "target_tracking", "target": "45%"}]})
    state, _, notices = played(cfg, 14 * 24)
    assert (notices, state.trial.ended) == ([], "")


def test_it_ends_when_its_time_is_over_and_a_new_name_starts_anew():
    state, _, (notice,) = played(experimenting(longest="20h"), 24)
    assert (state.trial.ended, notice.time) == ("its time is over", T0 + MINUTE + 20 * HOUR)
    cfg = experimenting(name="again")
    event = Observed("r", state.time + MINUTE, (sample(state.time, 40.0),))
    state, _ = step(state, event, cfg)
    assert (state.trial.name, state.trial.slices, state.trial.ended) == ("again", (), "")
    plain = settings(policies=[QUICK])
    state, _ = step(state, Observed("r", state.time + MINUTE), plain)
    assert state.trial is None


def test_a_clock_that_goes_back_counts_no_slice_twice():
    engine = Engine(experimenting(), 4, now=T0)
    engine.ticks(40.0, 7 * 60)
    before = engine.state.trial.slices
    engine.now -= 5 * HOUR
    engine.ticks(40.0, 9 * 60)
    indices = [s.index for s in engine.state.trial.slices]
    assert indices == sorted(set(indices))
    assert engine.state.trial.slices[: len(before)] == before


def test_pairs_are_the_two_slices_of_a_pair_and_nothing_else():
    rng = Random(1)
    slices = [Slice(i, bool(i % 2), 1.0, 0.0) for i in range(40) if rng.random() < 0.7]
    found = list(pairs(slices))
    assert found
    assert all(t.treated and not c.treated and t.index // 2 == c.index // 2 for t, c in found)
    wanted = {i // 2 for i in range(40)} & {s.index // 2 for s in slices if s.treated}
    assert {t.index // 2 for t, _ in found} == wanted & {s.index // 2 for s in slices if not s.treated}


def test_a_state_from_before_there_were_experiments():
    state, *_ = played(experimenting(), 1)
    old = msgspec.json.decode(encode(state))
    del old["trial"]
    assert decode(msgspec.json.encode(old), State).trial is None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"slice": "1h", "settle": "12m"}, "less than four times lead_time"),
        ({"slice": "20m", "settle": "10m"}, "more than a quarter of slice"),
        ({"design": "matched"}, "design: matched and matched_with belong together"),
        ({"matched_with": "api"}, "design: matched and matched_with belong together"),
        ({"treatment": {"policies": []}}, r"treatment\.policies"),
        (
            {"treatment": {"policies": [{"type": "threshold", "signal": "q", "above": 5, "below": 1}]}},
            r"experiment.treatment.policies\[0\].signal 'q'",
        ),
    ],
)
def test_what_makes_no_experiment(fields, says):
    with pytest.raises(ValidationError, match=says):
        experimenting(**fields)


def test_an_experiment_needs_demand_and_the_name_of_its_control():
    with pytest.raises(ValidationError, match="an experiment needs demand"):
        settings(demand=None, policies=[{"type": "schedule", "entries": [{"min": 1}]}], experiment=QUARTER)
    with pytest.raises(ValidationError, match=r"shadow\.control is what the experiment compares with"):
        settings(shadow={"control": {}}, experiment=QUARTER)


def test_a_target_without_an_experiment_is_its_own_treatment():
    cfg = TargetSettings()
    assert cfg.treated is cfg


def test_a_changed_copy_forgets_what_was_worked_out_before():
    cfg = experimenting()
    assert (cfg.treated.guards.max, cfg.arms["control"].guards.max, cfg.lookback) == (None, None, 900.0)
    changed = cfg.model_copy(update={"guards": cfg.guards.model_copy(update={"max": 9})})
    assert (changed.treated.guards.max, changed.arms["control"].guards.max) == (9, 9)
    assert cfg.treated.guards.max is None
