"""A target's life made of small pieces, and as hypothesis would have it."""

from hypothesis import strategies as st

from forescale.model.decision import Blocker, Clamp, Decision, Direction, Proposal, Reason
from forescale.model.effect import Act, Action, Decided, Done, NoOp, Notice, Refused, Retry
from forescale.model.event import Commanded, Forecasted, Observed, Override, Pause, Reported, Resume
from forescale.model.fleet import FleetStatus, LeadTime
from forescale.model.forecast import Forecast
from forescale.model.journal import Entry
from forescale.model.sample import Load, Sample, Unit
from forescale.model.state import State
from forescale.model.value import encode
from forescale.store import Ledger, fold

START = 1_790_000_000.0


def fleet(desired=3):
    return FleetStatus(desired, 1, 10, desired, launched=(START - 500.25,), lead_time=LeadTime(200.0, 3))


def decided(target, n, time, event, direction=Direction.HOLD, demand=1.5, current=3):
    """A decision with a bit of everything in it."""
    desired = current + {Direction.OUT: 1, Direction.IN: -1, Direction.HOLD: 0}[direction]
    return Decision(
        id=f"{target}-{n}",
        target=target,
        time=time,
        event=event,
        direction=direction,
        current=current,
        wanted=desired,
        desired=desired,
        demand=demand,
        in_service=current,
        lead_time=240.0,
        reasons=(Reason("target_tracking", f"demand {demand} is 50 % — Größe ✓"),),
        clamps=(Clamp("max_step", 9, desired, "at most 1"),),
        blockers=(Blocker("cooldown", "after web-1", until=START + 60),),
        proposals=(Proposal("target_tracking", desired=desired),),
    )


class Life:
    """A target as the runtime would drive it: every entry follows from the last."""

    def __init__(self, target="web", start=START, interval=10.0):
        self.target, self.time, self.interval = target, start, interval
        self.state = State(target)
        self.requests = 0
        self.entries = []

    def quiet(self, **options):
        return self._observed(**options)

    def news(self, value=50.0, **options):
        sample = Sample("cpu", self.time, value, Unit.PERCENT, "cloudwatch")
        return self._observed(samples=(sample,), demand=value, **options)

    def seen(self, desired=3):
        return self._observed(fleet=fleet(desired))

    def failing(self, why="metrics: throttled", blind=False):
        return self._observed(errors=(why,), blind=blind)

    def acting(self, direction=Direction.OUT):
        return self._observed(direction=direction, act=True)

    def reported(self, outcome=None):
        action = self.state.acting.id if self.state.acting else f"{self.target}-0"
        event = Reported(self._request(), self.time, outcome or Done(action, 4))
        return self._entry(event, acting=None)

    def commanded(self, event_id, command):
        notice = Notice(self.target, self.time, "command", f"by {command.by}")
        return self._entry(Commanded(event_id, self.time, command), (notice,))

    def forecasted(self):
        forecast = Forecast(self.time, 300.0, "seasonal", ((0.5, 1.0), (0.9, 2.25)), error=None)
        return self._entry(Forecasted(self._request(), self.time, forecast))

    def _observed(
        self, samples=(), fleet=None, errors=(), blind=False, demand=1.5, direction=Direction.HOLD, act=False
    ):
        self.time += self.interval
        event = Observed(self._request(), self.time, samples, fleet, errors, blind)
        n = self.state.seq + 1
        decision = decided(self.target, n, self.time, event.id, direction, demand)
        effects = (Decided(decision),)
        changes = {"seq": n}
        if act:
            action = Action(
                decision.id, self.target, direction, 3, decision.desired, self.time, self.time + 120
            )
            effects += (Act(action),)
            changes["acting"] = action
        return self._entry(event, effects, **changes)

    def _request(self):
        self.requests += 1
        return f"{round(self.time * 1000):x}"

    def _entry(self, event, effects=(), **changes):
        state = {name: getattr(self.state, name) for name in State.__struct_fields__}
        loads = (*self.state.loads, Load(event.time, 1.5, 3.0))[-20:]
        self.state = State(**(state | {"time": event.time, "loads": loads} | changes))
        entry = Entry(self.target, event, self.state, effects)
        self.entries.append(entry)
        return entry

    @property
    def events(self):
        return tuple(entry.event for entry in self.entries)

    @property
    def decisions(self):
        return decisions_of(self.entries)


def decisions_of(entries):
    return [e.decision for entry in entries for e in entry.effects if isinstance(e, Decided)]


times = st.floats(min_value=1e-3, max_value=4e9, allow_nan=False) | st.integers(0, 400).map(
    lambda i: START + 10.0 * i
)
names = st.text(min_size=1, max_size=12).filter(lambda s: "\0" not in s) | st.integers(0, 10**6).map(
    lambda i: f"r-{i:07}"
)
outcomes = st.one_of(
    st.builds(Done, st.just("web-1"), st.integers(0, 9)),
    st.builds(NoOp, st.just("web-1"), names),
    st.builds(Retry, st.just("web-1"), times, names),
    st.builds(Refused, st.just("web-1"), names),
)
commands = st.one_of(
    st.builds(Pause, times, names, names),
    st.builds(Override, st.integers(0, 9), times, names),
    st.builds(Resume, names),
)
samples = st.builds(Sample, names, times, st.none() | times, st.sampled_from(Unit), names)
fleets = st.builds(FleetStatus, st.integers(0, 9), st.just(0), st.just(9), st.integers(0, 9))
quiet = st.builds(
    Observed,
    names,
    times,
    errors=st.sampled_from([(), (), ("x",)]),
    blind=st.sampled_from([False, False, True]),
)
observed = st.builds(
    Observed,
    names,
    times,
    st.lists(samples, max_size=2).map(tuple),
    st.none() | fleets,
    st.sampled_from([(), ("x",)]),
    st.booleans(),
)
events = st.one_of(
    quiet,
    quiet,
    quiet,
    observed,
    st.builds(Reported, names, times, outcomes),
    st.builds(Commanded, names, times, commands),
    st.builds(Forecasted, names, times, st.builds(Forecast, times, times, names, st.just(((0.5, 1.0),)))),
)
"""Any event, most of them with nothing new."""


@st.composite
def decision_sequences(draw, target="web", demands=(1.5, 1.5, 1.5, 1, 1.0, None)):
    """Decisions of one target with rising, sometimes missing numbers; many say the same."""
    n = draw(st.integers(0, 10**12))
    found = []
    for _ in range(draw(st.integers(0, 25))):
        n += draw(st.sampled_from([1, 1, 1, 1, 1, 2, 7]))
        demand = draw(st.sampled_from(demands))
        found.append(decided(target, n, draw(times), draw(names), draw(st.sampled_from(Direction)), demand))
    return found


def started(url, life):
    ledger = Ledger.open(str(url))
    ledger.snapshot(life.target, "{}", life.state)
    return ledger


def holds(ledger, life):
    """The ledger holds exactly this life."""
    (segment,) = ledger.segments(life.target)
    return (
        encode(segment.events) == encode(life.events)
        and fold.first_difference(segment.decisions, life.decisions) is None
        and ledger.state(life.target) == life.state
    )
