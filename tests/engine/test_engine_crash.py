"""A process that dies at any point: every action is done once, no cooldown is lost, replays are equal."""

from itertools import pairwise

from engine_world import QUICK, T0, sample, settings
from hypothesis import given
from hypothesis import strategies as st

from forescale.engine.step import step
from forescale.model.decision import Direction
from forescale.model.effect import Act, Decided, Done, Notice, Refused
from forescale.model.event import Event, Observed, Reported
from forescale.model.fleet import FleetStatus
from forescale.model.journal import Entry
from forescale.model.state import State
from forescale.model.value import decode, encode

GUARDS = {"cooldown": {"out": "1m", "in": "2m"}, "stabilisation": {"out": 0, "in": "1m"}, "max": 40}
CFG = settings(GUARDS, policies=[QUICK], action_age="120s")


class Group:
    """Does an absolute write once; reads before it writes, as an actuator does."""

    def __init__(self, desired):
        self.desired, self.writes = desired, []

    def apply(self, action, now):
        if self.desired == action.desired:
            return Done(action.id, self.desired)
        if self.desired != action.previous or now > action.expires:
            return Refused(action.id, "somebody else was there")
        self.desired = action.desired
        self.writes.append(action.id)
        return Done(action.id, self.desired)


class Process:
    """A runtime with a journal. It may die; what comes after knows the journal only."""

    def __init__(self, group):
        self.group, self.journal = group, []

    @property
    def state(self):
        return decode(self.journal[-1], Entry).state if self.journal else State("web")

    def put(self, event):
        state, effects = step(self.state, event, CFG)
        self.journal.append(encode(Entry("web", event, state, effects)))
        return effects

    def tick(self, now, cpu, dies):
        """One evaluation. `dies`: '' not at all, 'before' the write, 'after' it."""
        fleet = FleetStatus(self.group.desired, 0, 100, self.group.desired)
        for effect in self.put(Observed(f"r{now}", now, (sample(now - 60, cpu),), fleet)):
            if isinstance(effect, Act) and dies != "before":
                outcome = self.group.apply(effect.action, now)
                if dies != "after":
                    self.put(Reported(f"r{now}", now, outcome))


LIVES = st.lists(
    st.tuples(
        st.sampled_from([5.0, 20.0, 50.0, 90.0]),
        st.sampled_from(["", "", "", "before", "after"]),
        st.sampled_from([10.0, 60.0, 60.0, 110.0]),
    ),
    max_size=40,
)


@given(LIVES)
def test_every_action_is_done_exactly_once(lives):
    group = Group(4)
    process, now = Process(group), T0
    for cpu, dies, pause in lives:
        process.tick(now, cpu, dies)
        now += pause
    for _ in range(3):  # and in the end it stays alive
        process.tick(now, 50.0, "")
        now += 10
    effects = [effect for entry in entries(process) for effect in entry.effects]
    asked = {e.action.id for e in effects if isinstance(e, Act)}
    told = {e.text.split()[0] for e in effects if isinstance(e, Notice) and e.kind == "action_dropped"}
    assert len(group.writes) == len(set(group.writes)), "twice"
    assert set(group.writes) == asked - told, "lost without a word, or done without being asked for"
    assert process.state.acting is None


@given(LIVES)
def test_no_crash_loses_a_cooldown(lives):
    process, now = Process(Group(4)), T0
    for cpu, dies, pause in lives:
        process.tick(now, cpu, dies)
        now += pause
    effects = [effect for entry in entries(process) for effect in entry.effects]
    actions = {e.action.id: e.action for e in effects if isinstance(e, Act)}
    for first, then in pairwise(actions.values()):
        wait = 120 if then.direction is Direction.IN else 60
        preempts = (first.direction, then.direction) == (Direction.IN, Direction.OUT)
        assert then.time - first.time >= wait or preempts


@given(LIVES)
def test_the_journal_replayed_decides_the_same_to_the_byte(lives):
    process, now = Process(Group(4)), T0
    for cpu, dies, pause in lives:
        process.tick(now, cpu, dies)
        now += pause
    state, replayed, recorded = State("web"), [], []
    for entry in entries(process):
        state, effects = step(state, decode(encode(entry.event), Event), CFG)
        replayed += [encode(e.decision) for e in effects if isinstance(e, Decided)]
        recorded += [encode(e.decision) for e in entry.effects if isinstance(e, Decided)]
        assert encode(state) == encode(entry.state)
    assert replayed == recorded


def entries(process):
    return [decode(data, Entry) for data in process.journal]
