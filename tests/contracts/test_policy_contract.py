"""What every policy must keep to. The registry is the list: a new policy is found and tested here.

A policy that cannot be made without options needs an entry in EXAMPLES; the suite says so.
"""

from itertools import combinations
from math import isfinite
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from forescale.forecast.base import LEVELS
from forescale.forecast.newsvendor import STAGES
from forescale.forecast.rehearsal import WAYS
from forescale.model.decision import Observation, Proposal, SignalView
from forescale.model.fleet import FleetStatus
from forescale.model.forecast import Forecast, Frontier, Manner, NotReady
from forescale.model.protocols import Policy
from forescale.model.sample import Load, Point
from forescale.model.value import decode, encode
from forescale.policy import AnyPolicy
from forescale.policy.base import MOST

T0 = 1_767_571_200.0  # 2026-01-05 00:00 UTC, a Monday
ADAPTER = TypeAdapter(AnyPolicy)
UNION = get_args(AnyPolicy)[0]
REGISTERED = get_args(UNION) or (UNION,)

# By type: settings beyond the defaults that are worth testing, as a configuration would have them.
EXAMPLES = {
    "target_tracking": [
        {"target": "50%", "out_after": 0, "in_after": 0, "in_below": "100%"},
        {"name": "cpu at 80", "priority": 7, "target": 0.8, "out_after": "1m", "in_after": "5m"},
    ],
    "step": [
        {
            "signal": "queue",
            "out_after": 0,
            "in_after": "2m",
            "out": [{"at": 50}, {"at": 90, "by": "50%"}],
            "in": [{"at": 10, "by": 3}],
        }
    ],
    "predictive": [
        {"budget": "0.1%", "status_quo": {"target": "50%"}},
        {"budget": "status-quo", "plan_age": "60d"},
        {"quantile": "99%", "headroom": 0.2, "plan_age": "60d", "name": "ahead", "priority": 3},
        {"violation_cost": 1e6, "plan_age": "60d"},
    ],
    "threshold": [{"above": 60, "below": 40, "by": 1_000_000, "out_after": 0, "in_after": 0}],
    "schedule": [
        {"entries": [{"days": "mon-fri", "from": "08:00", "to": "18:00", "min": 4, "max": 9}]},
        {
            "timezone": "Europe/Berlin",
            "entries": [
                {"desired": 1_000_000},
                {"date": "2026-01-05", "from": "22:00", "to": "06:00", "max": 0},
            ],
        },
    ],
}


def kind(policy_class):
    return policy_class.model_fields["type"].default


def examples():
    """Every registered policy, with its defaults where it has them, and as in EXAMPLES."""
    for policy_class in REGISTERED:
        name = kind(policy_class)
        try:
            yield pytest.param(policy_class(), id=f"{name}-default")
        except ValidationError:
            assert name in EXAMPLES, f"policy {name!r} needs options: add an example of it to EXAMPLES"
        for i, fields in enumerate(EXAMPLES.get(name, [])):
            yield pytest.param(ADAPTER.validate_python({"type": name} | fields), id=f"{name}-{i}")


every_policy = pytest.mark.parametrize("policy", list(examples()))

VALUES = st.one_of(
    st.none(),
    st.sampled_from([0.0, 1e-300, 5.0, 45.0, 75.0, 100.0, 1e6, 1e300]),
    st.floats(0, 200),
)
FRONTIER = Frontier((Manner((1.2,) * STAGES, (0.01,) * STAGES, (30.0,) * STAGES),) * len(WAYS), steps=1440.0)
FORECASTS = st.sampled_from(
    [
        NotReady("nothing learned yet"),
        Forecast(T0, 240.0, "naive", ((0.5, 2.0), (0.9, 3.0)), 0.4),
        Forecast(T0, 240.0, "naive", tuple((p, 7.0 + p) for p in LEVELS), frontier=FRONTIER),
        Forecast(T0, 240.0, "broken", ()),
        Forecast(T0, 240.0, "broken", ((0.5, float("nan")), (0.9, float("inf")))),
        Forecast(T0, 240.0, "wild", ((0.5, 1e300), (0.9, -1e300))),
    ]
)


def observation(values, *, time=T0, desired=4, pending=0, lead=240.0):
    """Utilisation in percent, oldest first, as demand and as every signal. The newest ends now."""
    serving = max(desired - pending, 0)
    pairs = [(time - 60.0 * (len(values) - i), value) for i, value in enumerate(values)]
    newest = next((value for _, value in reversed(pairs) if value is not None), None)
    view = SignalView(tuple(Point(t, v) for t, v in pairs), 60.0, newest)
    return Observation(
        time=time,
        fleet=FleetStatus(desired, 0, 2 * MOST, serving, pending),
        lead_time=lead,
        demand=None if newest is None else newest / 100 * serving,
        loads=tuple(Load(t, None if v is None else v / 100 * serving, serving) for t, v in pairs),
        signals={"cpu": view, "queue": view},
    )


@st.composite
def observations(draw, values=VALUES):
    return observation(
        draw(st.lists(values, max_size=20)),
        time=T0 + draw(st.integers(0, 14 * 86400)),
        desired=draw(st.integers(0, 50) | st.just(MOST)),
        pending=draw(st.integers(0, 5)),
        lead=draw(st.floats(0, 3600)),
    )


def test_types_are_told_apart():
    names = [kind(policy_class) for policy_class in REGISTERED]
    assert len(set(names)) == len(names)
    for a, b in combinations(REGISTERED, 2):
        assert not issubclass(a, b)


def test_every_option_is_explained():
    for policy_class in REGISTERED:
        assert policy_class.__doc__
        for name, field in policy_class.model_fields.items():
            assert name == "type" or field.description, f"{kind(policy_class)}.{name} has no docstring"


@every_policy
def test_it_is_a_policy(policy):
    as_policy: Policy = policy
    assert isfinite(as_policy.lookback)
    assert as_policy.lookback >= 0
    assert policy.label == (policy.name or policy.type)
    named = policy.model_copy(update={"name": "by another name"})
    assert named.label == "by another name"


@every_policy
def test_it_is_read_back_from_json(policy):
    text = policy.model_dump_json()
    again = ADAPTER.validate_json(text)
    assert (again, again.model_dump_json()) == (policy, text)


@every_policy
@given(obs=observations(), forecast=FORECASTS)
def test_it_is_pure(policy, obs, forecast):
    before = encode(obs)
    first, second = policy.propose(obs, forecast), policy.propose(obs, forecast)
    assert encode(first) == encode(second)
    assert encode(obs) == before
    fresh = ADAPTER.validate_json(policy.model_dump_json())
    assert encode(fresh.propose(decode(before, Observation), forecast)) == encode(first)


@every_policy
@given(obs=observations(), forecast=FORECASTS)
def test_what_it_proposes_makes_sense(policy, obs, forecast):
    proposal = policy.propose(obs, forecast)
    assert decode(encode(proposal), Proposal) == proposal
    assert proposal.policy == policy.label
    for count in (proposal.desired, proposal.lower, proposal.upper):
        assert count is None or (isinstance(count, int) and 0 <= count <= MOST)
    says = (proposal.desired, proposal.lower, proposal.upper) != (None, None, None) or proposal.blind
    assert bool(proposal.reasons) == says, "what it says has a reason; what it does not say has none"
    for reason in proposal.reasons:
        assert reason.rule == policy.label
        assert reason.text
    if says:
        assert proposal.priority == policy.priority


@every_policy
@given(obs=observations(st.none()), seen=observations(), forecast=FORECASTS)
def test_without_data_it_is_blind_unless_it_looks_at_none(policy, obs, seen, forecast):
    proposal = policy.propose(obs, forecast)
    if proposal.blind:
        assert (proposal.lower, proposal.upper) == (None, None)
        assert proposal.desired is None or proposal.desired >= min(obs.fleet.desired, MOST)
        return
    data = {name: getattr(seen, name) for name in ("demand", "loads", "signals")}
    assert policy.propose(msgspec.structs.replace(obs, **data), forecast) == proposal


@every_policy
@given(obs=observations(), silence=st.integers(1, 30), forecast=FORECASTS)
def test_silence_never_turns_into_fewer(policy, obs, silence, forecast):
    """Whatever it wanted, with the newest buckets absent it wants no fewer."""
    quiet_loads = tuple(Load(load.time, None, load.serving) for load in obs.loads[-silence:])
    views = {
        name: SignalView(
            (*view.points[:-silence], *(Point(p.time, None) for p in view.points[-silence:])),
            view.period,
            view.value,
        )
        for name, view in obs.signals.items()
    }
    quiet = msgspec.structs.replace(obs, loads=(*obs.loads[:-silence], *quiet_loads), signals=views)
    loud_wants, wants = policy.propose(obs, forecast).desired, policy.propose(quiet, forecast).desired
    if obs.loads and loud_wants is not None and wants is not None:
        assert wants >= min(loud_wants, obs.fleet.desired)


@every_policy
@given(
    values=st.lists(st.floats(0, 200), min_size=1, max_size=10),
    older=st.lists(VALUES, max_size=30),
    desired=st.integers(0, 20),
    forecast=FORECASTS,
)
def test_history_older_than_its_lookback_changes_nothing(policy, values, older, desired, forecast):
    needed = int(policy.lookback // 60) + 2
    values = (values * needed)[:needed]
    short, long = observation(values, desired=desired), observation([*older, *values], desired=desired)
    assert policy.propose(long, forecast) == policy.propose(short, forecast)


@every_policy
@pytest.mark.parametrize("value", [0.0, 5.0, 75.0, 150.0])
def test_its_lookback_is_enough(policy, value):
    """With no more than that it decides as with all the history there is."""
    seen = observation([value] * (int(policy.lookback // 60) + 2), desired=8)
    everything = observation([value] * 2000, desired=8)
    assert policy.propose(seen, NotReady("")) == policy.propose(everything, NotReady(""))


@every_policy
@given(obs=observations(), forecast=FORECASTS)
def test_it_takes_nothing_away_on_data_while_something_boots(policy, obs, forecast):
    if policy.forecasts and isinstance(forecast, Forecast):
        return  # it knows of demand to come, which does not depend on what boots
    proposal, fleet = policy.propose(obs, forecast), obs.fleet
    looks = policy.propose(observation([], time=obs.time), forecast).blind
    if looks and fleet.pending and proposal.desired is not None:
        assert proposal.desired >= min(fleet.desired, MOST)
