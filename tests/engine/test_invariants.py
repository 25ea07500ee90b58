"""Whatever the settings, the history and the mishaps: the invariants of `engine_witness` hold.

A machine plays a group, its metrics, its operators, a failing cloud, a failing process and a
failing clock, in any order that hypothesis can think of: the same few hundred lives every time,
or as many new ones as wanted, say after a change to the engine:

    EXPLORE=5000 pytest tests/engine/test_invariants.py
"""

import os

import msgspec
from engine_witness import Witness
from engine_world import T0
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from forescale.engine.settings import TargetSettings
from forescale.forecast.base import LEVELS
from forescale.model.effect import Act, Done, NoOp, Refused, Retry
from forescale.model.event import Commanded, Forecasted, Observed, Override, Pause, Reported, Resume
from forescale.model.fleet import FleetStatus
from forescale.model.forecast import Forecast
from forescale.model.sample import Sample, Unit
from forescale.model.state import State
from forescale.model.value import decode, encode

SECONDS = st.sampled_from([0, 60, 120, 300, 600, 1800]).map("{}s".format)
SHORT = st.sampled_from([0, 60, 120, 300]).map("{}s".format)
MAYBE = st.none() | st.integers(1, 5)
TRACKING = st.fixed_dictionaries(
    {
        "type": st.just("target_tracking"),
        "target": st.sampled_from([0.3, 0.6]),
        "out_after": SHORT,
        "in_after": SHORT,
    }
)
RUNGS = {
    "type": st.just("step"),
    "out": st.just([{"at": 60}, {"at": 80, "by": 3}]),
    "in": st.just([{"at": 30}, {"at": 10, "by": "50%"}]),
}
STEPS = st.fixed_dictionaries(
    RUNGS | {"signal": st.sampled_from(["cpu", "queue"]), "out_after": SHORT, "in_after": SHORT}
)
SCHEDULES = st.fixed_dictionaries(
    {
        "type": st.just("schedule"),
        "priority": st.integers(0, 2),
        "entries": st.lists(
            st.sampled_from(
                [{"max": 3}, {"min": 5}, {"desired": 2}, {"from": "00:20", "to": "00:40", "min": 8, "max": 9}]
            ),
            min_size=1,
            max_size=2,
        ),
    }
)
PREDICTIVE = st.builds(
    lambda aim, age: {"type": "predictive", "plan_age": age} | aim,
    st.sampled_from(
        [{"budget": "1%"}, {"budget": "status-quo"}, {"quantile": "90%"}, {"violation_cost": 20}]
    ),
    st.sampled_from(["60s", "10m"]),
)
GUARDS = st.fixed_dictionaries(
    {
        "min": st.integers(0, 3),
        "max": st.none() | st.integers(3, 20),
        "max_step": st.fixed_dictionaries({"up": MAYBE, "down": MAYBE}),
        "cooldown": st.fixed_dictionaries({"out": SHORT, "in": SECONDS, "preempt": st.booleans()}),
        "stabilisation": st.fixed_dictionaries({"out": SHORT, "in": SECONDS}),
        "confirm": st.fixed_dictionaries({"out": st.integers(1, 3), "in": st.integers(1, 4)}),
        "min_life": SECONDS,
        "reversals": st.fixed_dictionaries({"count": st.integers(0, 3), "window": SECONDS}),
        "absence": st.fixed_dictionaries({"hold": SECONDS, "floor": st.none() | st.integers(0, 9)}),
    }
)
MEASURE_DEMAND = ("target_tracking", "predictive")
SHADOW = st.sampled_from(
    [{}, {}, {"a": {}}, {"a": {}, "b": {"guards": {"min": 2, "cooldown": {"in": "5m"}}}}]
)


def experiments(policies):
    """None, and experiments that need the same signals as what they are compared with."""
    treatment = [{**p, "target": 0.8} if "target" in p else p for p in reversed(policies)]
    about = {"name": "it", "treatment": {"policies": treatment}, "slice": "10m", "settle": "0s"}
    return [None, None, about | {"longest": "2h"}, about | {"alpha": 0.5}]


SETTINGS = st.builds(
    lambda policies, guards, demand, age, shadow, tried: TargetSettings.model_validate(
        {
            "signals": {"cpu": {}, "queue": {"max_age": "2m"}},
            "demand": demand if any(p["type"] in MEASURE_DEMAND for p in policies) else None,
            "policies": policies,
            "guards": guards,
            "action_age": age,
            "lead_time": "2m",
            "shadow": shadow,
            "experiment": tried(policies) if any(p["type"] in MEASURE_DEMAND for p in policies) else None,
        }
    ),
    st.lists(TRACKING | TRACKING | STEPS | SCHEDULES | PREDICTIVE, min_size=1, max_size=3),
    GUARDS,
    st.just({"signal": "cpu"}),
    st.sampled_from(["60s", "600s"]),
    SHADOW,
    st.integers(0, 3).map(lambda which: lambda policies: experiments(policies)[which]),
)
VALUES = st.sampled_from([0.0, 5.0, 25.0, 45.0, 70.0, 95.0, 300.0])
ODD = st.sampled_from([None, float("nan"), float("inf"), -1.0, 1e300])


class Group:
    """A group that does what it is told at once; launches take a while to serve."""

    def __init__(self, desired, boot):
        self.desired, self.boot, self.minimum, self.maximum = desired, boot, 0, 30
        self.launched = [T0 - 7200.0] * desired
        self.protected, self.suspended, self.refreshing, self.knows_ages = 0, (), "", True

    def resize(self, desired, now):
        """Newest go first, as pending launches do."""
        self.launched = sorted([*self.launched, *[now] * (desired - len(self.launched))])[:desired]
        self.desired = desired

    def status(self, now):
        """As an actuator would see it."""
        serving = tuple(t for t in self.launched if t <= now - self.boot)
        return FleetStatus(
            desired=self.desired,
            minimum=self.minimum,
            maximum=self.maximum,
            in_service=len(serving),
            pending=self.desired - len(serving),
            protected=min(self.protected, len(serving)),
            launched=serving if self.knows_ages else None,
            suspended=self.suspended,
            refreshing=self.refreshing,
        )


class World(RuleBasedStateMachine):
    """Everything around the engine."""

    @initialize(cfg=SETTINGS, desired=st.integers(0, 12), boot=st.sampled_from([0, 90, 400]))
    def begin(self, cfg, desired, boot):
        self.cfg, self.group, self.now = cfg, Group(desired, boot), T0
        self.state, self.witness, self.count = State("web"), Witness(), 0
        self.asked = []  # actions whose outcome nobody has heard

    def put(self, event):
        self.state, effects = self.witness.step(self.state, event, self.cfg)
        self.asked += [e.action for e in effects if isinstance(e, Act)]
        return effects

    def look(self, samples, **fields):
        self.count += 1
        fleet = None if fields.get("blind") else self.group.status(self.now)
        self.put(Observed(f"r{self.count}", self.now, tuple(samples), fleet, **fields))

    def bucket(self, signal, value, back=1, **fields):
        start = (self.now // 60 - back) * 60
        return Sample(signal, start, value, Unit.PERCENT, "test", **fields)

    @rule(cpu=VALUES, queue=VALUES, minutes=st.integers(1, 8))
    def minutes_pass(self, cpu, queue, minutes):
        """The normal course of things: every minute a bucket, and the outcome at once."""
        for _ in range(minutes):
            self.now += 60
            self.look([self.bucket("cpu", cpu), self.bucket("queue", queue)])
            if self.asked:
                self.do()

    @rule(
        signals=st.lists(
            st.tuples(st.sampled_from(["cpu", "queue"]), VALUES | ODD, st.integers(-2, 12)), max_size=6
        ),
        seconds=st.sampled_from([0.5, 10, 60, 400]),
        estimated=st.booleans(),
        instance=st.sampled_from([None, None, "i-1"]),
    )
    def odd_data(self, signals, seconds, estimated, instance):
        """Late, early, estimated, absurd, absent, of one instance."""
        self.now += seconds
        samples = [self.bucket(s, v, back, estimated=estimated, instance=instance) for s, v, back in signals]
        self.look(samples, errors=("half of it could not be read",))

    @rule(
        centre=st.sampled_from([0.0, 2.0, 9.0, 1e4]),
        spread=st.sampled_from([1.0, 1.5, 4.0]),
        age=st.sampled_from([0, 0, 0, 90, 900, -60]),
    )
    def forecast_made(self, centre, spread, age):
        row = tuple((p, centre * (1 + (spread - 1) * p)) for p in LEVELS)
        self.put(Forecasted("f", self.now, Forecast(self.now - age, 300.0, "seasonal_naive", row)))

    @rule(seconds=st.sampled_from([10, 600]))
    def group_unseen(self, seconds):
        self.now += seconds
        self.look([self.bucket("cpu", 5.0)], blind=True, errors=("throttled",))

    @precondition(lambda self: self.asked)
    @rule()
    def do(self):
        """The action is done and its outcome heard."""
        action = self.asked[-1]
        self.asked.clear()
        self.write(action)
        self.put(Reported("r", self.now, Done(action.id, self.group.desired)))

    def write(self, action):
        if self.group.desired == action.previous:
            self.group.resize(action.desired, self.now)

    @precondition(lambda self: self.asked)
    @rule(done=st.booleans(), part=st.booleans())
    def crash(self, done, part):
        """The process dies before or after the action was done; nobody hears the outcome."""
        action = self.asked[-1]
        self.asked.clear()
        if done:
            self.write(action)
        elif part and action.previous - action.desired > 1 and self.group.desired == action.previous:
            self.group.resize(action.previous - 1, self.now)
        self.state = decode(encode(self.state), State)

    @precondition(lambda self: self.asked)
    @rule(kind=st.sampled_from([NoOp, Refused]), late=st.sampled_from([0, 5]))
    def nothing_done(self, kind, late):
        self.now += late
        self.put(Reported("r", self.now, kind(self.asked.pop().id, "not now")))

    @precondition(lambda self: self.asked)
    @rule(after=st.sampled_from([0.0, 30.0, 1e9]))
    def retry(self, after):
        self.put(Reported("r", self.now, Retry(self.asked.pop().id, after, "throttled")))

    @rule(number=st.integers(0, 5))
    def old_outcome(self, number):
        """An outcome of something long settled."""
        assume(self.witness.flying is None or self.witness.flying.id != f"web-{number}")
        self.put(Reported("r", self.now, Done(f"web-{number}", 1)))

    @rule(
        command=st.one_of(
            st.builds(lambda s: lambda now: Pause(now + s, "ada"), st.sampled_from([-5, 90, 900])),
            st.builds(
                lambda n, s: lambda now: Override(n, now + s, "ada"),
                st.integers(-1, 25),
                st.sampled_from([90, 900]),
            ),
            st.just(lambda _now: Resume("ada")),
        )
    )
    def order(self, command):
        self.put(Commanded("r", self.now, command(self.now)))

    @rule(desired=st.integers(0, 20))
    def foreign_write(self, desired):
        self.group.resize(desired, self.now)

    @rule(
        minimum=st.integers(0, 4),
        maximum=st.integers(2, 30),
        protected=st.integers(0, 9),
        suspended=st.sampled_from([(), (), ("Launch",), ("Terminate",)]),
        refreshing=st.sampled_from(["", "", "r-1"]),
        knows_ages=st.booleans(),
    )
    def group_changes(self, **changes):
        for name, value in changes.items():
            setattr(self.group, name, value)

    @rule(cfg=SETTINGS)
    def restart_with_other_settings(self, cfg):
        self.cfg = cfg

    @rule(highest=st.integers(1, 5))
    def maximum_lowered(self, highest):
        guards = self.cfg.guards.model_copy(update={"max": highest, "min": min(self.cfg.guards.min, highest)})
        self.cfg = self.cfg.model_copy(update={"guards": guards})

    @rule(seconds=st.sampled_from([-5000.0, -300.0, -30.0, -0.5, 30.0, 5000.0]))
    def clock_jumps(self, seconds):
        self.now += seconds

    def teardown(self):
        """Every state ever reached can be read back."""
        if hasattr(self, "state"):
            assert msgspec.json.decode(encode(self.state), type=State) == self.state


World.TestCase.settings = settings(
    max_examples=int(os.environ.get("EXPLORE", "200")),
    derandomize="EXPLORE" not in os.environ,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
)
TestInvariants = World.TestCase
