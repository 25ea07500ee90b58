"""kill -9 at every journaled step: no action is lost, none is doubled, and the ledger replays.

A real process on a real ledger is killed by itself or by the test, started anew at the same
moment, and must end up where one that lived through ends up.
"""

import random
import threading
import time
from itertools import groupby, pairwise

import pytest
from mortal import Killed, Life

from forescale.config.settings import Target
from forescale.engine.step import step
from forescale.store import Ledger
from runtime_world import QUICK, START, assert_replays, configuration, desired_writes, publish

STEP, TICKS, COOLDOWN = 30.0, 11, 90.0
GUARDS = {**QUICK["guards"], "cooldown": {"out": "90s", "in": "90s", "preempt": False}}


class Play:
    """A load that comes and goes, and a process that is killed on the way."""

    def __init__(self, aws, clock, path, group):
        self.aws, self.clock, self.path = aws, clock, path / "ledger.db"
        aws.create_group("web", minimum=1, maximum=20, desired=2)
        aws.requests.clear()
        self.config = configuration(aws, self.path, {"web": group}, interval="30s").model_dump(mode="json")
        self.config["store"] = f"sqlite:///{self.path}"
        self.config["targets"]["web"]["guards"] = GUARDS
        self.deaths = 0

    def load(self):
        """In instances: two at first, then four are needed, then one."""
        played = self.clock.now() - START
        return 1.0 if played < 60 else 1.9 if played < 150 else 0.4

    def look(self):
        """What happens at this moment: the metric of the minute, and another process begun."""
        serving = sum(
            state.lifecycle_state == "InService"
            for state in self.aws.groups.group(self.aws.region, "web").instance_states
        )
        publish(self.aws, "web", 100 * self.load() / max(serving, 1))

    def through(self, deaths=(), on_tick=lambda _play, _life, _n: None):
        """The whole play; `deaths` has one end for each life but the last. Returns the last life."""
        ends = iter(deaths)
        life = self.born(ends)
        for n in range(1, TICKS + 1):
            self.clock.advance(START + STEP * n)
            self.look()
            try:
                on_tick(self, life, n)
                life.tick(self.clock.now())
            except Killed:
                self.deaths += 1
                life = self.born(ends)
        return life

    def born(self, ends):
        """A new process at this moment, and another one if it dies before it rests."""
        while True:
            life = Life(self.config, self.clock.now(), next(ends, None))
            try:
                life.tick()
            except Killed:
                self.deaths += 1
            else:
                return life

    def proof(self, life, writes):
        """Nothing is lost, nothing doubled, cooldowns have held, every decision replays."""
        life.stop()
        changes = [
            (key, next(times)) for key, times in groupby(self.aws.calls("SetDesiredCapacity"), _wanted)
        ]
        assert [wanted for wanted, _ in changes] == writes
        assert all(b.time - a.time >= COOLDOWN for (_, a), (_, b) in pairwise(changes))
        with Ledger.open(str(self.path)) as ledger:
            assert_replays(ledger, "web")
            state = ledger.state("web")
            assert [done.direction for done in state.history] == ["out", "in"]
            assert state.acting is None
            assert [n.kind for n in ledger.notices("web") if n.kind == "foreign_write"] == []
            assert goes_on(ledger)
            decided = [d.first.id for d in ledger.decisions("web", only_actions=True)]
            assert len(decided) == len(state.history)
            assert {a.action.id for a in ledger.actions("web")} == set(decided)
            assert ledger.leases() == ()


def _wanted(request):
    return request.parameters["DesiredCapacity"]


def goes_on(ledger):
    """Each life begins where the ledger says that the one before had come to."""
    state = None
    for segment in ledger.segments("web"):
        assert state is None or segment.state == state
        state, settings = segment.state, Target.model_validate_json(segment.settings)
        for event in segment.events:
            state, _ = step(state, event, settings)
    return state == ledger.state("web")


@pytest.fixture
def play(aws, clock, tmp_path):
    return Play(aws, clock, tmp_path, "web")


WRITES = [4, 1]
POINTS = [
    *(("snapshot", 1, after) for after in (False, True)),
    *(("commit", n, after) for n in range(1, TICKS + 4) for after in (False, True)),
    *(("apply", n, after) for n in (1, 2) for after in (False, True)),
    *(("hold", n, after) for n in (1, 5) for after in (False, True)),
]


def test_one_that_lives_through(play):
    life = play.through()
    assert play.deaths == 0
    play.proof(life, WRITES)
    assert desired_writes(play.aws) == WRITES


@pytest.mark.parametrize(("step", "number", "after"), POINTS)
def test_killed_around_a_step(play, step, number, after):
    life = play.through([(step, number, after)])
    assert play.deaths == 1
    play.proof(life, WRITES)
    assert desired_writes(play.aws) == WRITES, "not one request more"


def test_killed_again_and_again(play):
    """Whoever is started dies a commit or two later, and so on."""
    life = play.through([("commit", 2, n % 3 > 0) for n in range(14)])
    assert play.deaths >= 10
    play.proof(life, WRITES)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("latency", [0.1, 0.6])
def test_killed_while_a_write_is_on_its_way(play, number, latency):
    """The process is dead when the write arrives, and its successor may have looked before."""
    killed, one = [], threading.Lock()

    def on_tick(play, life, _n):
        if len(play.aws.calls("SetDesiredCapacity")) == number and not killed:
            play.aws.faults.slow("SetDesiredCapacity", latency, times=1)
            threading.Thread(target=kill_when_it_writes, args=(life,)).start()

    def kill_when_it_writes(life):
        """The tick of a life: where it writes nothing, the next one is watched as well."""
        end = time.monotonic() + 2
        while len(play.aws.calls("SetDesiredCapacity")) == number and time.monotonic() < end:
            time.sleep(0.005)
        with one:
            if len(play.aws.calls("SetDesiredCapacity")) > number and not killed:
                killed.append(life)
                life.kill()

    life = play.through(on_tick=on_tick)
    assert len(killed) == play.deaths == 1
    play.proof(life, WRITES)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_while_it_terminates_one_instance_after_the_other(aws, clock, tmp_path, number, after):
    play = Play(aws, clock, tmp_path, {"type": "asg", "group": "web", "scale_in": {"how": "lifecycle"}})
    life = play.through([("terminate", number, after)])
    assert play.deaths == 1
    assert len(aws.calls("TerminateInstanceInAutoScalingGroup")) == 3
    assert len({r.parameters["InstanceId"] for r in aws.calls("TerminateInstanceInAutoScalingGroup")}) == 3
    assert aws.groups.group(aws.region, "web").desired_capacity == 1
    play.proof(life, [4])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment(play, seed):
    chance = random.Random(seed)

    def on_tick(_play, life, _n):
        if chance.random() < 0.5:
            threading.Timer(chance.uniform(0.0, 0.08), life.kill).start()

    life = play.through(on_tick=on_tick)
    time.sleep(0.1)  # a timer may still be on its way; it is for a life that has ended its tick
    try:
        life.tick(clock_of(play))
    except Killed:
        life = play.born(iter(()))
    assert play.deaths >= 2
    play.proof(life, WRITES)


def clock_of(play):
    play.clock.advance(play.clock.now() + STEP)
    play.look()
    return play.clock.now()
