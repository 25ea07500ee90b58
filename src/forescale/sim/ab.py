"""What an A/B test has shown so far, and how long one has to run.

The slices of a trial (see `forescale.engine.experiment`) come in comparisons: the two slices
of a pair (switchback), or the same slice of two targets (matched). Each gives a difference of log
cost ratios and one of violation shares; of each, `forescale.engine.sequential` gives an interval that
holds at every look. The two outcomes share the error rate: each is tested at half of alpha.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from math import exp, inf, log, sqrt
from statistics import NormalDist

import numpy as np

from forescale.engine.experiment import pairs
from forescale.engine.experiment_settings import Experiment
from forescale.engine.sequential import Interval, deviation, interval, radius
from forescale.engine.settings import TargetSettings
from forescale.model.decision import Decision
from forescale.model.errors import ConfigError
from forescale.model.state import State
from forescale.model.tally import Sums
from forescale.model.trial import Slice, Trial
from forescale.model.value import Value
from forescale.series.trace import Trace
from forescale.sim.backtest import Progress, alone, simulate

_OUTCOMES = 2
_FEWEST = 2
_MOST = 100_000  # comparisons: more than anybody waits for
_LATE = 0.5  # of the rehearsed launches boot a minute longer, a quarter two, and so on


class Verdict(StrEnum):
    """What is known of the treatment against the control."""

    BETTER = "better"
    WORSE = "worse"
    MIXED = "mixed"
    SAME = "no difference above the minimum effect"
    UNDECIDED = "undecided"


class Outcome(Value, frozen=True):
    """One measure: the effect of the treatment, its interval (None: no bound yet), and the verdict.

    `effect` and the bounds are relative for cost (-0.12: 12 % cheaper), and shares of all
    requests for violations. `deviation` is that of one comparison, on the scale of its test.
    """

    effect: float
    low: float | None
    high: float | None
    minimum: float
    deviation: float
    verdict: Verdict


class Report(Value, frozen=True):
    """An experiment as it stands. `more` is how many comparisons it still needs, by what was seen."""

    name: str
    targets: tuple[str, ...]
    design: str
    slices: int
    comparisons: int
    verdict: Verdict
    cost: Outcome
    violations: Outcome
    control: Sums
    treatment: Sums
    more: int | None = None
    ended: str = ""


def report(groups: Sequence[Mapping[str, Trial]], settings: Experiment) -> Report:
    """What the trials of an experiment have shown.

    `groups` are the targets that are compared with each other: one (switchback) or two (a matched
    pair). Of several groups, the mean of what they show at the same time is one comparison: they
    may share what moves them.
    """
    trials = {name: trial for group in groups for name, trial in group.items()}
    found = _differences(groups, settings)
    logs, shares = [change for change, _ in found], [more for _, more in found]
    least, alpha = settings.minimum_effect, settings.alpha / _OUTCOMES
    cost = _outcome(logs, alpha, least.cost, _relative, log(1 + least.cost))
    violations = _outcome(shares, alpha, least.violations, _as_it_is, least.violations)
    verdict = together(cost.verdict, violations.verdict)
    more = None
    if verdict is Verdict.UNDECIDED and len(found) > 1:
        more = max(needed(settings, cost.deviation, violations.deviation).both - len(found), 1)
    return Report(
        name=settings.name,
        targets=tuple(trials),
        design=settings.design,
        slices=sum(len(trial.slices) for trial in trials.values()),
        comparisons=len(found),
        verdict=verdict,
        cost=cost,
        violations=violations,
        control=_sum([trial.control for trial in trials.values()]),
        treatment=_sum([trial.treatment for trial in trials.values()]),
        more=more,
        ended="; ".join(trial.ended for trial in trials.values() if trial.ended),
    )


def _differences(groups: Sequence[Mapping[str, Trial]], settings: Experiment) -> list[tuple[float, float]]:
    """Of log cost and of violations, one of each for each pair of slices (matched: each slice)."""
    at: dict[int, list[tuple[float, float]]] = {}
    for group in groups:
        for treated, control in comparisons([trial.slices for trial in group.values()], settings):
            when = treated.index // 2 if settings.design == "switchback" else treated.index
            change = log(treated.cost / control.cost)
            at.setdefault(when, []).append((change, treated.violations - control.violations))
    return [
        (_mean([change for change, _ in at[when]]), _mean([more for _, more in at[when]]))
        for when in sorted(at)
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def comparisons(slices: Sequence[tuple[Slice, ...]], settings: Experiment) -> Iterator[tuple[Slice, Slice]]:
    """Treated and untreated slices of a group that are compared with each other, in the order of time."""
    if settings.design == "switchback":
        for own in slices:
            yield from pairs(own)
        return
    first, second = (*slices, (), ())[:2]
    other = {found.index: found for found in second}
    for mine in first:
        if (theirs := other.get(mine.index)) is not None and mine.treated is not theirs.treated:
            yield (mine, theirs) if mine.treated else (theirs, mine)


def _relative(change: float) -> float:
    return exp(change) - 1


def _as_it_is(change: float) -> float:
    return change


def _outcome(
    values: Sequence[float], alpha: float, minimum: float, shown: Callable[[float], float], unit: float
) -> Outcome:
    """`minimum` is on the scale that is shown, `unit` the same on the scale of the test."""
    found = interval(values, alpha, unit / 10)
    low, high = (None if bound is None else shown(bound) for bound in (found.low, found.high))
    verdict = _verdict(found, low, high, minimum)
    return Outcome(shown(found.mean), low, high, minimum, deviation(values), verdict)


def _verdict(found: Interval, low: float | None, high: float | None, minimum: float) -> Verdict:
    """Lower is better, of both measures."""
    if found.low is None or found.high is None or low is None or high is None:
        return Verdict.UNDECIDED
    if -minimum < low and high < minimum:
        return Verdict.SAME
    if found.high < 0:
        return Verdict.BETTER
    return Verdict.WORSE if found.low > 0 else Verdict.UNDECIDED


def together(cost: Verdict, violations: Verdict) -> Verdict:
    """One verdict from both: that of one where the other is no different; mixed where they contradict."""
    said = {cost, violations} - {Verdict.SAME}
    if Verdict.UNDECIDED in said:
        return Verdict.UNDECIDED
    if not said:
        return Verdict.SAME
    return said.pop() if len(said) == 1 else Verdict.MIXED


def _sum(parts: Sequence[Sums]) -> Sums:
    total = Sums()
    for part in parts:
        total = total.plus(part)
    return total


class Need(Value, frozen=True):
    """Comparisons until the minimum effect of each outcome would be found, or ruled out."""

    cost: int
    violations: int

    @property
    def both(self) -> int:
        """Until both would be."""
        return max(self.cost, self.violations)


def needed(settings: Experiment, cost: float, violations: float, power: float = 0.8) -> Need:
    """How many comparisons an experiment needs, for this power.

    `cost` and `violations` are standard deviations of one comparison: of the difference of
    log cost ratios, and of that of violation shares.
    """
    least, alpha = settings.minimum_effect, settings.alpha / _OUTCOMES

    def count(effect: float, sd: float) -> int:
        return comparisons_needed(effect, max(sd, effect / 10), alpha, power)

    return Need(count(log(1 + least.cost), cost), count(least.violations, violations))


def comparisons_needed(effect: float, sd: float, alpha: float, power: float) -> int:
    """The least n after which a difference of `effect` is found with probability `power`.

    The interval leaves out 0 once mean - r·s > 0, with r = radius(n, alpha). Of normal differences,
    mean/sd varies by 1/n and s/sd by 1/(2(n - 1)), independently; so

        effect/sd ≥ r + z(power) · √(1/n + r²/(2(n - 1)))

    is enough. As one may look earlier too, the true power is a little higher.
    """
    if sd <= 0:
        return _FEWEST
    z = NormalDist().inv_cdf(power)

    def enough(n: int) -> bool:
        reach = radius(n, alpha)
        return reach + z * sqrt(1 / n + reach * reach / (2 * (n - 1))) <= effect / sd

    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if high > _MOST:
            return _MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def rehearse(
    cfg: TargetSettings, trace: Trace, lead: int, *, seed: int = 0, progress: Progress | None = None
) -> Trial | None:
    """Play the experiment on a load (in instances), as it would run live; None where there is none.

    Launches boot a little longer than `lead` minutes, at random (seeded), as real ones do: else
    the control in the shadow would foresee the live one to the instance. A matched pair is
    rehearsed as a switchback, for there is but one load. Raises `ConfigError` where a policy
    reads more than the load.
    """
    if cfg.experiment is None:
        return None
    for policy in (*cfg.policies, *cfg.experiment.treatment.policies):
        if cfg.demand is None or getattr(policy, "signal", cfg.demand.signal) != cfg.demand.signal:
            raise ConfigError(
                f"{policy.label} reads a signal that the trace does not have",
                hint="a rehearsal has the demand signal only",
            )
    trials: list[Trial | None] = [None]

    def watch(_minute: int, state: State, _decision: Decision) -> None:
        trials[0] = state.trial

    late = iter(np.random.default_rng(seed).geometric(_LATE, size=len(trace) + 1).tolist())
    simulate(
        _rehearsed(cfg, cfg.experiment),
        trace,
        lead,
        extra_boot=(extra - 1 for extra in late),
        watch=watch,
        progress=progress,
    )
    return trials[0]


def _rehearsed(cfg: TargetSettings, experiment: Experiment) -> TargetSettings:
    """To be played to its end: nothing stops it."""
    harm = experiment.harm.model_copy(update={"violations": inf, "at_once": inf})
    changes = {"design": "switchback", "matched_with": None, "harm": harm, "longest": inf}
    fields = {name: getattr(alone(cfg), name) for name in TargetSettings.model_fields}
    fields["experiment"] = experiment.model_copy(update=changes)
    return TargetSettings.model_construct(**fields)
