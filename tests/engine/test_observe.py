"""Folding observations into the state: absence, late data, estimates, the fleet."""

from itertools import permutations

import pytest
from engine_world import MINUTE, T0, Engine, clamped, fleet, sample, settings
from hypothesis import given
from hypothesis import strategies as st

from forescale.engine.settings import TargetSettings
from forescale.engine.step import step
from forescale.model.decision import Direction
from forescale.model.effect import Done
from forescale.model.event import Observed
from forescale.model.sample import Load, Point
from forescale.model.state import State
from forescale.model.value import encode

STEP = {"type": "step", "signal": "queue", "out_after": "1m", "in_after": "1m"}
QUEUE = settings(policies=[STEP], signals={"queue": {}}, demand=None)


def loads(engine):
    return [(load.time - T0, load.demand, load.serving) for load in engine.state.loads]


def test_demand_is_utilisation_times_the_instances_that_served():
    engine = Engine(settings(), desired=4)
    engine.look(sample(T0 - 60, 50.0))
    assert loads(engine) == [(-60, 2.0, 4)]


def test_instances_still_booting_carry_nothing():
    engine = Engine(settings(), desired=4, in_service=3)
    engine.look(sample(T0 - 60, 50.0))
    assert loads(engine) == [(-60, 1.5, 3)]


def test_a_signal_of_the_group_is_divided_by_what_one_instance_carries():
    cfg = settings(
        signals={"requests": {"unit": "per_second"}}, demand={"signal": "requests", "per_instance": 20}
    )
    engine = Engine(cfg, desired=4)
    engine.look(sample(T0 - 60, 50.0, "requests"))
    assert loads(engine) == [(-60, 2.5, 4)]


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), float("-inf"), -1.0])
def test_what_is_no_measurement_is_absent(value):
    engine = Engine(settings(), desired=40)
    decision = engine.look(sample(T0 - 60, value))
    assert loads(engine) == [(-60, None, 40)]
    assert decision.demand is None


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_no_measurement_is_absent_in_a_signal_too(value):
    engine = Engine(QUEUE)
    engine.look(sample(T0 - 60, value, "queue"))
    assert engine.state.signals == {"queue": (Point(T0 - 60, None),)}


def test_an_estimate_is_absent_to_demand_and_to_policies():
    engine = Engine(settings(), desired=4)
    engine.look(sample(T0 - 60, 50.0, estimated=True))
    assert loads(engine) == [(-60, None, 4)]
    engine = Engine(QUEUE)
    engine.look(sample(T0 - 60, 5.0, "queue", estimated=True))
    assert engine.state.signals == {"queue": (Point(T0 - 60, None),)}


def test_an_unknown_number_of_serving_instances_leaves_demand_unknown():
    """Not 0: utilisation times nothing known would look like an idle group."""
    engine = Engine(settings({"min": 1}), desired=8)
    for _ in range(5):
        engine.now += MINUTE
        engine.look(sample(engine.now - 60, 45.0), blind=True, fleet=None)
    assert {demand for _, demand, _ in loads(engine)} == {None}
    engine.now += MINUTE
    decision = engine.look()
    assert (decision.demand, decision.desired) == (None, 8)


def test_utilisation_of_no_instance_at_all_is_no_demand():
    engine = Engine(settings(), desired=5, in_service=0)
    engine.look(sample(T0 - 60, 45.0))
    assert loads(engine) == [(-60, None, 0)]


def test_a_sample_of_a_single_instance_does_not_speak_for_the_group():
    engine = Engine(settings(), desired=4)
    engine.look(sample(T0 - 60, 50.0), sample(T0 - 60, 1.0, instance="i-1"))
    assert loads(engine) == [(-60, 2.0, 4)]


def test_a_sample_from_the_future_is_dropped():
    engine = Engine(settings())
    engine.look(sample(T0 + 61, 50.0))
    assert loads(engine) == []


def test_neither_silence_nor_an_estimate_takes_a_measurement_away():
    for worse in (sample(T0 - 60, None), sample(T0 - 60, 1.0, estimated=True)):
        for order in permutations([sample(T0 - 60, 50.0), worse]):
            engine = Engine(settings(), desired=4)
            engine.look(*order)
            assert loads(engine) == [(-60, 2.0, 4)]


def test_a_corrected_bucket_replaces_the_old_one():
    engine = Engine(settings(), desired=4)
    engine.look(sample(T0 - 120, 20.0), sample(T0 - 60, 50.0))
    engine.look(sample(T0 - 120, 75.0))
    assert loads(engine) == [(-120, 3.0, 4), (-60, 2.0, 4)]


def test_late_data_counts_the_instances_that_served_then():
    engine = Engine(settings(), desired=4)
    engine.look()
    engine.now += 60
    engine.resize(8)
    engine.now += 60
    engine.look(sample(T0 + 60, 50.0), sample(T0 - 60, 50.0))
    assert loads(engine) == [(-60, 2.0, 4), (60, 4.0, 8)]


def test_capacity_that_arrives_does_not_look_like_demand():
    """Utilisation is a mean over its bucket, so it is shared by the mean of those in service."""
    engine = Engine(settings(), desired=4)
    engine.look()
    engine.now += 45  # three quarters into the bucket
    engine.resize(8)
    engine.look()
    engine.now += 15
    engine.look(sample(T0, 50.0))
    assert loads(engine)[-1] == (0, 2.5, 5.0)  # 4 for 45 s and 8 for 15 s
    engine.resize(20)
    engine.look(sample(T0, 50.0))
    assert loads(engine)[-1] == (0, 2.5, 5.0)  # what came at its end had no part in it


def test_what_a_scale_in_removes_does_not_count_from_then_on():
    engine = Engine(settings(), desired=8)
    decision = engine.tick(10)
    assert (decision.direction, decision.desired) == (Direction.IN, 2)
    engine.now += 60
    engine.look(sample(engine.now - 60, 40.0))
    assert loads(engine)[-1][1:] == (0.8, 2.0)


@st.composite
def deliveries(draw):
    """Buckets of ten minutes, and the order in which a sloppy source tells them, some twice."""
    values = draw(st.lists(st.none() | st.floats(0, 100), min_size=10, max_size=10))
    buckets = [sample(T0 - 60 * (10 - i), value) for i, value in enumerate(values)]
    order = draw(st.permutations(buckets + draw(st.lists(st.sampled_from(buckets), max_size=5))))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    return buckets, [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]


@given(deliveries())
def test_late_duplicate_and_unordered_samples_lead_to_the_same_state(case):
    buckets, parts = case
    cfg = settings()
    sizes = [4, 5, 6, 3, 8]

    def deliver(groups):
        engine = Engine(cfg, now=T0 - 600)
        for size in sizes:  # the group changes while the data is on its way
            engine.now += 120
            engine.resize(size)
            engine.look()
        for group in groups:
            engine.look(*group)
        return encode(engine.state.loads), engine.look().demand

    assert deliver(parts) == deliver([buckets])


def test_a_fleet_that_is_the_same_may_be_left_out():
    """Told again or left out: the same state, to the byte, even where somebody else wrote."""

    def play(*, always):
        cfg, state, told = settings(), State("web"), None
        for i, desired in enumerate((4, 4, 6, 6, 6, 2, 2)):
            now, found = T0 + 60 * i, fleet(desired)
            event = Observed(
                f"r{i}", now, (sample(now - 60, 50.0),), found if always or found != told else None
            )
            state, effects = step(state, event, cfg)
            told = found
            yield encode([state, effects])

    assert list(play(always=True)) == list(play(always=False))


def test_a_foreign_write_is_told_once():
    engine = Engine(settings(policies=[]), desired=4)
    engine.tick(50)
    assert engine.notices == []
    engine.resize(9)
    engine.tick(50)
    assert engine.notices == ["foreign_write"]
    engine.tick(50)
    assert engine.notices == []


def test_a_foreign_write_between_the_last_event_and_an_outcome_is_told():
    """The group is as it was seen last, but we have written since: so somebody wrote it back."""
    engine = Engine(settings(), desired=4)
    engine.now += 60
    engine.look(sample(engine.now - 60, 100.0))
    engine.report(Done(engine.act.id, 8))
    engine.now += 10
    engine.look(fleet=None)
    assert engine.notices == ["foreign_write"]


def test_memory_is_bounded_whatever_the_policies_read():
    for cfg in (settings({"stabilisation": {"in": "5m"}}), QUEUE):
        engine = Engine(cfg)
        for i in range(500):
            engine.now += MINUTE
            engine.resize(4 + i % 2)
            engine.look(sample(engine.now - 60, 45.0 - i % 7 * 5), sample(engine.now - 60, 45.0, "queue"))
        assert len(engine.state.wanted) < 20
        assert len(engine.state.serving) < 40
        assert len(engine.state.loads) < 40
        assert len(engine.state.signals.get("queue", ())) < 40
        assert len(encode(engine.state)) < 10_000


def test_state_of_other_settings_is_taken_over():
    """A restart with another configuration: what nobody reads any more is forgotten, not fatal."""
    engine = Engine(QUEUE)
    engine.look(sample(T0 - 60, 45.0, "queue"))
    engine.cfg = settings(policies=[STEP | {"signal": "cpu"}])
    engine.tick(45.0)
    assert set(engine.state.signals) == {"cpu"}
    engine.cfg = TargetSettings(demand=None, policies=())
    engine.tick(45.0)
    assert engine.state.signals == {}
    assert engine.state.loads == ()


def test_what_could_not_be_read_is_in_the_decision():
    engine = Engine(settings())
    decision = engine.look(errors=("metrics: no answer within 30 s",))
    assert "metrics: no answer within 30 s" in [reason.text for reason in decision.reasons]
    assert clamped(decision) == []


def test_serving_counts_are_kept_as_long_as_late_data_may_need_them():
    engine = Engine(settings(), desired=4)
    engine.look()
    engine.now += MINUTE
    engine.resize(8)
    engine.look()
    engine.now += 240  # within lookback and max_age
    engine.look(sample(T0 - 60, 50.0))
    assert engine.state.loads == (Load(T0 - 60, 2.0, 4),)


def test_the_oldest_data_that_is_kept_still_knows_who_served_then():
    """Memory ends at lookback, max_age and two buckets; a count in force at its edge is kept."""
    engine = Engine(settings(), desired=1)
    for i in range(30):
        engine.now = T0 + 60 * i
        engine.resize(10 + i)
        engine.look()
    edge = 60 + 300 + 120
    engine.look(sample(engine.now - edge, 50.0), sample(engine.now - edge - 60, 50.0))
    assert [(load.time - engine.now, load.serving) for load in engine.state.loads] == [
        (-edge, 39 - edge / 60)
    ]
