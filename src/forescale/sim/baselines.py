"""Strategies to compare with, by name: what others do with the same load.

Each is a pure function of the load (in instances, minute by minute) and of the boot time in
minutes. They drive the same simulated group as `simulate`, under the same rules of the minute,
but none goes through the reducer: they are what they are documented to be, without any guard
of ours.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, isnan

import numpy as np

from forescale.engine.settings import TargetSettings
from forescale.model.decision import Observation
from forescale.model.errors import ConfigError
from forescale.model.forecast import NotReady
from forescale.model.sample import Load
from forescale.model.settings import parse_ratio
from forescale.series.trace import STEP, Floats, Trace
from forescale.sim.aws_forecast import hourly_floor
from forescale.sim.oracle import Ints, in_service, needed, oracle
from forescale.sim.plant import Plant
from forescale.sim.run import Run

TARGET = 0.6
"""The utilisation that the baselines keep, where they keep one."""

_ROUNDING = 1e-9  # as in the policy: 0.6 * 5 instances at a target of 0.6 are 5, not 6
_PEAK_PERCENTILE = 99.9
_MAX_AGE = 300.0  # the default `max_age` of a signal
_NO_FORECAST = NotReady("this policy reads none")


@dataclass(frozen=True)
class Baseline:
    """A named strategy, and what it is in one line; `tracks`: a target utilisation may be given."""

    run: Callable[[Trace, int, float], Run]
    text: str
    tracks: bool = False


def baseline_target_tracking(target: float = TARGET) -> TargetSettings:
    """Target tracking as a cloud does it, without any guard of ours: what to compare with.

    Out once utilisation has been above `target` for 3 minutes in a row, to ⌈n · utilisation
    / target⌉; in, by the same rule, once it has been below 0.9 of it for 15 and nothing is
    booting.
    """
    tracking = {"type": "target_tracking", "target": target}
    tracking |= {"out_after": "3m", "in_after": "15m", "in_below": 0.9}
    guards = {
        "cooldown": {"out": 0, "in": 0},
        "stabilisation": {"out": 0, "in": 0},
        "reversals": {"count": 1, "window": 0},
    }
    return TargetSettings.model_validate({"policies": [tracking], "guards": guards})


def target_tracking(trace: Trace, lead: int, target: float = TARGET) -> Run:
    """What `simulate` does under `baseline_target_tracking`, in a fraction of the time."""
    return drive(trace, lead, _Tracking(trace, lead, target).decide)


def aws_predictive(trace: Trace, lead: int, target: float = TARGET) -> Run:
    """Target tracking above the minimum that a predictive scaling policy sets for each hour.

    As AWS documents predictive scaling in `ForecastAndScale` mode: an hourly forecast from up
    to 14 days, once there are 24 hours, made anew every 6 hours; capacity is there when its
    hour begins (the scheduling buffer is the boot time); it never scales in. Where several
    policies speak, the largest capacity counts. The model itself is not published; ours is
    described at `hourly_floor`.
    """
    floor = hourly_floor(trace, lead, target).tolist()
    tracking = _Tracking(trace, lead, target)
    return drive(trace, lead, lambda seen: max(tracking.decide(seen), floor[seen.minute]))


def hpa(trace: Trace, lead: int, target: float = TARGET) -> Run:
    """The Horizontal Pod Autoscaler of Kubernetes with its default behaviour, at the end of each minute.

    desired = ⌈n · utilisation / target⌉, nothing within 10 % of the target; a scale-in goes to
    the largest recommendation of the last 5 minutes; a scale-out adds at most 100 % or 4 pods,
    whichever is more, in 15 seconds, so four times that in a minute. Pods that boot count
    with a utilisation of 0 where it would scale out, and not at all where it would scale in. Without
    a metric it does nothing.

    Source: kubernetes.io, "Horizontal Pod Autoscaling", sections "Algorithm details",
    "Support for ... scaling policies", "Default behavior".
    """
    return drive(trace, lead, _Hpa(target).decide)


def static(instances: int, minutes: int) -> Run:
    """The same capacity throughout."""
    flat = np.full(minutes, instances, dtype=np.int64)
    return Run(flat, flat, flat)


def static_peak(trace: Trace) -> Run:
    """The 99.9th percentile of the load throughout: all but the rarest spikes."""
    peak = np.array([np.nanpercentile(trace.load, _PEAK_PERCENTILE)])
    return static(int(needed(peak)[0]), len(trace))


def oracle_run(load: Floats, lead: int) -> Run:
    """The cheapest plan without a violation, by somebody who knows the load."""
    billed = oracle(needed(load), lead)
    # what it wants at the end of a minute is what it is billed in the next
    return Run(in_service(billed, lead), billed, np.append(billed[1:], billed[-1:]))


BASELINES: Mapping[str, Baseline] = {
    "static-peak": Baseline(
        lambda trace, _lead, _target: static_peak(trace), "always the 99.9th percentile of the load"
    ),
    "target-tracking": Baseline(target_tracking, "target tracking, as AWS does it", tracks=True),
    "hpa": Baseline(hpa, "the Horizontal Pod Autoscaler of Kubernetes", tracks=True),
    "aws-predictive": Baseline(
        aws_predictive, "AWS predictive scaling on top of target tracking", tracks=True
    ),
    "oracle": Baseline(
        lambda trace, lead, _target: oracle_run(trace.load, lead), "the cheapest plan, knowing the future"
    ),
}
"""The built-in baselines by the name that people give."""


def find_baseline(name: str) -> Callable[[Trace, int], Run] | None:
    """What plays the baseline of a name such as `hpa` or, at another target than 60 %, `hpa:70%`.

    None where it is no baseline's name. Raises `ConfigError` for a target that is none.
    """
    kind, has_target, text = name.partition(":")
    baseline = BASELINES.get(kind)
    if baseline is None:
        return None
    target = _target(name, text) if has_target else TARGET
    if has_target and not baseline.tracks:
        raise ConfigError(f"{name!r}: {kind} keeps no target", hint=f"write {kind}")
    return lambda trace, lead: baseline.run(trace, lead, target)


def _target(name: str, text: str) -> float:
    try:
        target = parse_ratio(text if "%" in text else float(text))
    except ValueError:
        target = 0.0
    if not 0 < target <= 1:
        raise ConfigError(f"{name!r} has no target utilisation", hint="write for example hpa:70%")
    return target


@dataclass(frozen=True, slots=True)
class Seen:
    """The end of a minute, as a strategy sees it: the load of the minute (NaN: absent), and the group.

    `served` is what served in the minute, `serving` and `pending` what is there at its end.
    """

    minute: int
    load: float
    served: int
    plant: Plant


def drive(trace: Trace, lead: int, decide: Callable[[Seen], int]) -> Run:
    """A simulated group that goes where `decide` wants, minute by minute; see `Plant`.

    It starts with what the first known minute needs, as that of `simulate` does.
    """
    first = next((value for value in trace.load.tolist() if not isnan(value)), 0.0)
    plant = Plant(ceil(first), lead, start=trace.start)
    serving, billed, desired = [], [], []
    for minute, load in enumerate(trace.load.tolist()):
        plant.begin(minute)
        served = plant.serving
        serving.append(served)
        billed.append(plant.billed)
        plant.begin(minute + 1)  # what boots in this minute is there when its end is looked at
        wanted = max(decide(Seen(minute, load, served, plant)), 1)
        if wanted != plant.desired:
            plant.resize(wanted, minute)
        desired.append(plant.desired)
    return Run(_ints(serving), _ints(billed), _ints(desired))


class _Tracking:
    """The `target_tracking` policy itself, asked each minute with what the engine would show it."""

    def __init__(self, trace: Trace, lead: int, target: float) -> None:
        self._policy = baseline_target_tracking(target).policies[0]
        self._trace, self._lead = trace, lead * STEP
        self._loads: deque[Load] = deque()
        self._keep = self._policy.lookback + _MAX_AGE + 2 * STEP

    def decide(self, seen: Seen) -> int:
        loads, now = self._loads, self._trace.time(seen.minute + 1)
        if not isnan(seen.load):
            loads.append(Load(self._trace.time(seen.minute), seen.load, float(seen.served)))
        while loads and loads[0].time < now - self._keep:
            loads.popleft()
        fresh = bool(loads) and loads[-1].time >= now - _MAX_AGE - STEP
        demand = loads[-1].demand if fresh else None
        obs = Observation(now, seen.plant.status(), self._lead, demand, tuple(loads))
        proposal = self._policy.propose(obs, _NO_FORECAST)
        return seen.plant.desired if proposal.desired is None else proposal.desired


class _Hpa:
    """The controller's memory: its recommendations of the stabilisation window."""

    tolerance, window, evaluations = 0.1, 5, 4

    def __init__(self, target: float) -> None:
        self._target = target
        self._recent: deque[int] = deque(maxlen=self.window)

    def decide(self, seen: Seen) -> int:
        if isnan(seen.load):
            return seen.plant.desired
        current = seen.plant.desired
        self._recent.append(self._recommended(seen.load, seen.plant.serving, current))
        wanted = self._recent[-1]
        if wanted < current:
            wanted = min(max(self._recent), current)
        return min(wanted, self._limit(current))

    def _recommended(self, load: float, ready: int, current: int) -> int:
        """⌈ready · ratio⌉; a scale-out is decided as if those that boot were there, with nothing to do."""
        ratio = load / (ready * self._target)
        if ratio > 1.0:
            ratio = max(load / (current * self._target), 1.0)
        if abs(ratio - 1.0) <= self.tolerance:
            return current
        return ceil(load / self._target - _ROUNDING)

    def _limit(self, current: int) -> int:
        for _ in range(self.evaluations):
            current = max(2 * current, current + 4)
        return current


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
