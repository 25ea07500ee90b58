"""Values: one canonical form, frozen, read back as they were."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.model.decision import Blocker, Clamp, Decision, Direction, Proposal, Reason
from forescale.model.effect import Act, Action, Decided, Done, Effect, NoOp, Notice, Outcome, Refused, Retry
from forescale.model.event import Commanded, Event, Forecasted, Observed, Override, Pause, Reported, Resume
from forescale.model.fleet import FleetStatus, LeadTime
from forescale.model.forecast import Forecast
from forescale.model.journal import Entry
from forescale.model.sample import Load, Point, Sample, Unit
from forescale.model.state import Backoff, Completed, Confirmation, State
from forescale.model.value import decode, encode

TEXT = st.text(max_size=8)
TIME = st.floats(0, 4e9)
COUNT = st.integers(0, 1000)
MEAN = st.floats(0, 1000)
VALUE = st.none() | st.floats(allow_nan=False, allow_infinity=False)
DIRECTION = st.sampled_from(Direction)


def some(items, most=3):
    return st.lists(items, max_size=most).map(tuple)


ACTIONS = st.builds(Action, TEXT, TEXT, DIRECTION, COUNT, COUNT, TIME, TIME)
OUTCOMES = st.one_of(
    st.builds(Done, TEXT, COUNT),
    st.builds(NoOp, TEXT, TEXT),
    st.builds(Retry, TEXT, st.floats(0, 1e6), TEXT),
    st.builds(Refused, TEXT, TEXT),
)
SAMPLES = st.builds(Sample, TEXT, TIME, VALUE, st.sampled_from(Unit), TEXT, st.none() | TEXT, st.booleans())
FLEETS = st.builds(
    FleetStatus,
    desired=COUNT,
    minimum=COUNT,
    maximum=COUNT,
    in_service=COUNT,
    launched=st.none() | some(TIME),
    suspended=some(TEXT),
    lead_time=st.none() | st.builds(LeadTime, TIME, COUNT),
)
FORECASTS = st.builds(Forecast, TIME, TIME, TEXT, some(st.tuples(st.floats(0, 1), TIME)), st.none() | TIME)
COMMANDS = st.one_of(
    st.builds(Pause, TIME, TEXT, TEXT),
    st.builds(Override, COUNT, TIME, TEXT, TEXT),
    st.builds(Resume, TEXT, TEXT),
)
EVENTS = st.one_of(
    st.builds(Observed, TEXT, TIME, some(SAMPLES), st.none() | FLEETS, some(TEXT), st.booleans()),
    st.builds(Forecasted, TEXT, TIME, FORECASTS),
    st.builds(Reported, TEXT, TIME, OUTCOMES),
    st.builds(Commanded, TEXT, TIME, COMMANDS),
)
REASONS = some(st.builds(Reason, TEXT, TEXT))
DECISIONS = st.builds(
    Decision,
    id=TEXT,
    target=TEXT,
    time=TIME,
    event=TEXT,
    direction=DIRECTION,
    current=COUNT,
    wanted=COUNT,
    desired=COUNT,
    demand=st.none() | TIME,
    reasons=REASONS,
    clamps=some(st.builds(Clamp, TEXT, COUNT, COUNT, TEXT)),
    blockers=some(st.builds(Blocker, TEXT, TEXT, st.none() | TIME)),
    proposals=some(st.builds(Proposal, TEXT, st.none() | COUNT, st.none() | COUNT, reasons=REASONS)),
)
EFFECTS = st.one_of(
    st.builds(Decided, DECISIONS), st.builds(Act, ACTIONS), st.builds(Notice, TEXT, TIME, TEXT, TEXT)
)
POINTS = some(st.builds(Point, TIME, VALUE))
STATES = st.builds(
    State,
    target=TEXT,
    fleet=st.none() | FLEETS,
    serving=POINTS,
    loads=some(st.builds(Load, TIME, VALUE, MEAN)),
    signals=st.dictionaries(TEXT, POINTS, max_size=2),
    wanted=POINTS,
    confirmation=st.builds(Confirmation, DIRECTION, COUNT),
    history=some(st.builds(Completed, TIME, DIRECTION)),
    acting=st.none() | ACTIONS,
    backoff=st.none() | st.builds(Backoff, TIME, TEXT),
    pause=st.none() | st.builds(Pause, TIME, TEXT),
    override=st.none() | st.builds(Override, COUNT, TIME, TEXT),
    forecast=st.none() | FORECASTS,
)


@pytest.mark.parametrize(
    ("kind", "values"), [(Event, EVENTS), (Effect, EFFECTS), (Outcome, OUTCOMES), (State, STATES)], ids=str
)
@given(data=st.data())
def test_a_value_is_read_back_as_it_was(kind, values, data):
    value = data.draw(values)
    again = decode(encode(value), kind)
    assert again == value
    assert encode(again) == encode(value)


@given(st.builds(Entry, TEXT, EVENTS, STATES, some(EFFECTS)))
def test_an_entry_of_the_journal_is_read_back_whole(entry):
    assert decode(encode(entry), Entry) == entry


def test_equal_values_have_equal_bytes_however_they_were_made():
    a = State("web", signals={"x": (Point(1.0, 2.0),), "y": ()})
    b = State("web", signals={"y": (), "x": (Point(1.0, 2.0),)})
    assert a == b
    assert encode(a) == encode(b)


def test_absent_is_not_zero():
    assert encode([Point(1.0, None), Point(1.0, 0.0)]) == b"[[1.0,null],[1.0,0.0]]"
    assert decode(b"[1.0,null]", Point).value is None


def test_what_is_at_its_default_is_left_out():
    assert encode(State("web")) == b'{"target":"web"}'
    assert encode(Observed("a", 1.0)) == b'{"type":"observed","id":"a","time":1.0}'


def test_values_are_frozen():
    with pytest.raises(AttributeError):
        State("web").seq = 1


def test_a_proposal_of_nothing_says_nothing():
    proposal = Proposal()
    assert (proposal.desired, proposal.lower, proposal.upper, proposal.blind) == (None, None, None, False)


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"{}", State), (b'{"type":"nonsense"}', Event), (b"[", State), (b'{"target":5}', State)],
)
def test_what_is_no_value_is_refused(data, kind):
    with pytest.raises(msgspec.DecodeError):
        decode(data, kind)


@pytest.mark.parametrize("until", [float("inf"), float("nan")])
def test_an_order_without_an_end_is_refused(until):
    """JSON has no infinity: it could not be read back from the ledger."""
    for make in (
        lambda: Pause(until, "ada"),
        lambda: Override(3, until, "ada"),
        lambda: Retry("a", until, "busy"),
    ):
        with pytest.raises(ValueError, match="finite"):
            make()
