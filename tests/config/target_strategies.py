"""Settings of a target that people could write: every kind of value, as plain data."""

from hypothesis import strategies as st

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,12}", fullmatch=True)
TEXTS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12)
_UNITS = st.sampled_from(["ms", "s", "m", "h", "d", "w"])
DURATIONS = st.one_of(
    st.just(0),
    st.builds("{}{}".format, st.integers(0, 5000), _UNITS),
    st.builds("{:.3f}{}".format, st.floats(0, 5000), _UNITS),
    st.builds("{}h{}m".format, st.integers(0, 99), st.integers(0, 59)),
)
RATIOS = st.one_of(
    st.builds("{}%".format, st.integers(1, 100)),
    st.floats(0.01, 1.0),
    st.builds("{:.2f}%".format, st.floats(1, 100)),
)
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
COUNTS = st.integers(0, 1000)
AMOUNTS = st.one_of(st.integers(1, 50), st.builds("{}%".format, st.integers(1, 100)))


def _some(required=None, **optional):
    return st.fixed_dictionaries(required or {}, optional=optional)


_POLICY = {"name": TEXTS, "priority": st.integers(0, 100)}
_RUNS = {"out_after": DURATIONS, "in_after": DURATIONS}


@st.composite
def _rungs(draw, low, high):
    at = draw(st.lists(st.floats(low, high), min_size=1, max_size=3))
    return [{"at": value, "by": draw(AMOUNTS)} for value in at]


def _ordered(entry):
    if "min" in entry and "max" in entry:
        entry["min"], entry["max"] = sorted((entry["min"], entry["max"]))
    return entry


_CLOCK = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
_ENTRY = st.builds(
    lambda bound, rest: _ordered(bound | rest),
    st.sampled_from([{"min": 3}, {"max": 9}, {"desired": 4}, {"min": 1, "max": 2}]),
    _some(
        days=st.sampled_from(["mon-fri", "sat,sun", "fri-mon", "wed"]),
        date=st.dates().map(str),
        to=_CLOCK,
        **{"from": _CLOCK},
    ),
)


_AIMS = st.one_of(
    st.just({}),
    st.sampled_from(["1%", "0.1%", 0.02, "12.5%", "status-quo", None]).map(lambda x: {"budget": x}),
    st.sampled_from(["99%", 0.5, "99.95%"]).map(lambda x: {"quantile": x}),
    st.floats(0.01, 1e6).map(lambda x: {"violation_cost": x}),
)
_PREDICTIVE = _some(
    headroom=st.floats(0, 10),
    status_quo=_some(target=RATIOS),
    plan_age=st.sampled_from(["60s", "10m", "1h"]),
    **_POLICY,
)


def policies(signals):
    """Policies that read some of these signals."""
    read = st.sampled_from(signals)
    return st.lists(
        st.one_of(
            _some({"type": st.just("target_tracking")}, target=RATIOS, in_below=RATIOS, **_RUNS, **_POLICY),
            _some(
                {"type": st.just("step"), "signal": read, "out": _rungs(50, 99), "in": _rungs(0, 40)},
                **_RUNS,
                **_POLICY,
            ),
            _some(
                {"type": st.just("threshold"), "signal": read},
                above=st.floats(50, 99),
                below=st.floats(0, 20),
                by=AMOUNTS,
                **_RUNS,
                **_POLICY,
            ),
            _some(
                {"type": st.just("schedule"), "entries": st.lists(_ENTRY, min_size=1, max_size=3)},
                timezone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]),
                **_POLICY,
            ),
            st.builds(lambda aim, rest: {"type": "predictive"} | aim | rest, _AIMS, _PREDICTIVE),
        ),
        max_size=4,
    )


_BOTH = {"out": DURATIONS, "in": DURATIONS}
GUARDS = _some(
    min=COUNTS,
    max=st.one_of(st.none(), COUNTS),
    max_step=_some(up=st.one_of(st.none(), st.integers(1, 99)), down=st.integers(1, 99)),
    cooldown=_some(**_BOTH, preempt=st.booleans()),
    stabilisation=_some(**_BOTH),
    confirm=_some(**{"out": st.integers(1, 99), "in": st.integers(1, 99)}),
    min_life=DURATIONS,
    reversals=_some(count=COUNTS, window=DURATIONS),
    absence=_some(hold=DURATIONS, floor=st.one_of(st.none(), COUNTS)),
).map(lambda guards: guards if guards.get("max") is None or "min" not in guards else _ordered(guards))

_PERIODS = st.sampled_from(["1s", "10s", "30s", "60s", "5m", "1h"])
_DIMENSIONS = st.dictionaries(TEXTS, TEXTS, max_size=3)
_METRIC = st.builds("{} {}".format, st.sampled_from(["AWS/EC2", "CWAgent", "My/App"]), NAMES)
_STATISTIC = st.sampled_from(["Average", "Sum", "p99", "p99.9", "TM(10%:90%)", "IQM"])
_SIGNAL = {
    "type": st.just("cloudwatch"),
    "period": _PERIODS,
    "max_age": DURATIONS,
    "combine": st.sampled_from(["mean", "max", "min", "sum"]),
    "per": st.sampled_from(["group", "instance"]),
    "warm_up": DURATIONS,
    "delay": DURATIONS,
    "revisit": DURATIONS,
}
SIGNALS = st.one_of(
    _some(metric=_METRIC, statistic=_STATISTIC, dimensions=_DIMENSIONS, **_SIGNAL),
    _some(
        {
            "expression": st.just("100 * errors / requests"),
            "metrics": st.fixed_dictionaries(
                {
                    "errors": _some({"metric": _METRIC}, statistic=_STATISTIC),
                    "requests": _some({"metric": _METRIC}, dimensions=_DIMENSIONS),
                }
            ),
        },
        **_SIGNAL,
    ),
)


@st.composite
def targets(draw):
    """One whole target."""
    signals = draw(st.dictionaries(NAMES, SIGNALS, min_size=1, max_size=3))
    unit = draw(st.sampled_from(["percent", "count", "per_second"]))
    load = draw(st.sampled_from(sorted(signals)))
    signals[load]["unit"] = unit
    target = {
        "actuator": draw(
            _some(
                {"group": TEXTS},
                type=st.just("asg"),
                region=st.sampled_from(["eu-west-1", "us-east-1"]),
                scale_in=_some(how=st.sampled_from(["desired", "lifecycle"]), hook=TEXTS, drain=DURATIONS),
            )
        ),
        "signals": signals,
        "demand": {"signal": load}
        if unit == "percent"
        else {"signal": load, "per_instance": draw(st.floats(0.1, 1e6))},
        "policies": draw(policies(sorted(signals))),
    }
    return target | draw(_some(guards=GUARDS, lead_time=DURATIONS, action_age=DURATIONS))
