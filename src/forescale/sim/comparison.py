"""Strategies side by side on the same load, and the frontier of cost and violations.

What plays a strategy is a function of plain values, so whoever calls may have several played
at once: `each` is `map`, or something that does the same on several cores.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forescale.engine.settings import TargetSettings
from forescale.model.errors import ConfigError
from forescale.model.value import Value
from forescale.series.trace import Floats, Trace
from forescale.sim.backtest import compare, play
from forescale.sim.baselines import BASELINES, find_baseline
from forescale.sim.bootstrap import Difference, difference
from forescale.sim.measures import Score
from forescale.sim.run import Run

DEARER = 2.0
"""A strategy is dearer, in %, from here on: less is not worth an alarm."""
MORE = 0.01
"""It has more violations, in percentage points, from here on: what a table with two decimals shows."""

TARGETS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
BUDGETS = ("0.05%", "0.1%", "0.2%", "0.5%", "1%", "2%", "5%")


@dataclass(frozen=True)
class Strategy:
    """A target's settings, or (without any) the built-in baseline of that name."""

    name: str
    cfg: TargetSettings | None = None

    def play(self, trace: Trace, lead: int) -> tuple[Run, tuple[str, ...]]:
        """What it does with a load in instances, and notes. Raises `ConfigError` for an unknown name."""
        if self.cfg is not None:
            return play(self.cfg, trace, lead)
        baseline = find_baseline(self.name)
        if baseline is None:
            raise ConfigError(
                f"there is no baseline {self.name!r}", hint=f"the baselines are: {', '.join(BASELINES)}"
            )
        return baseline(trace, lead), ()


Job = tuple[Strategy, Trace, int]
Played = tuple[Run, tuple[str, ...]]
Each = Callable[[Callable[[Job], Played], Sequence[Job]], Iterable[Played]]
"""Applies a function to each job, in order: `map`, or the same on several cores."""


def play_job(job: Job) -> Played:
    """A strategy, a load in instances, and the boot time in minutes."""
    strategy, trace, lead = job
    return strategy.play(trace, lead)


@dataclass(frozen=True)
class Comparison:
    """Strategies on one load.

    `differences` are against the first strategy, which has none. `load` (in instances),
    `runs` and `start` (seconds since the epoch) are of the scored part, after `warmup` minutes.
    """

    scores: dict[str, Score]
    differences: dict[str, Difference]
    runs: dict[str, Run]
    start: float
    load: Floats
    lead: int
    warmup: int
    notes: tuple[str, ...]


def compare_strategies(
    strategies: Sequence[Strategy],
    trace: Trace,
    *,
    peak_instances: int,
    lead: int,
    warmup: int,
    rng: np.random.Generator,
    each: Each = map,
) -> Comparison:
    """Play every strategy (of different names) on the same load, and compare each with the first.

    The load is scaled, and the first `warmup` minutes left out of the figures, as in
    `backtest`. `rng` draws the blocks of the confidence intervals.
    """
    trace, warmup = trace.scaled(peak_instances), min(warmup, len(trace) // 2)
    load, runs, notes = trace.load[warmup:], {}, []
    played = each(play_job, [(strategy, trace, lead) for strategy in strategies])
    for strategy, (run, said) in zip(strategies, played, strict=True):
        runs[strategy.name] = run.after(warmup)
        notes += [f"{strategy.name}: {note}" for note in said]
    first, *others = runs
    differences = {name: difference(runs[name], runs[first], load, rng) for name in others}
    scores = compare(runs, load, lead)
    return Comparison(scores, differences, runs, trace.time(warmup), load, lead, warmup, tuple(notes))


def worse(found: Difference) -> tuple[str, ...]:
    """In which ways a strategy is worse than the one it is compared with: `dearer`, `more violations`.

    Dearer by more than 2 %, or more violations by more than 0.01 percentage points; either
    only where the confidence interval excludes 0.
    """
    ways = []
    if found.cost.value > DEARER and found.cost.low > 0:
        ways.append("dearer")
    if found.violations.value > MORE and found.violations.low > 0:
        ways.append("more violations")
    return tuple(ways)


class Point(Value, frozen=True):
    """Where a strategy lies: its cost against the oracle's, and its violations in %."""

    label: str
    cost: float
    violations: float


class Curve(Value, frozen=True):
    """A strategy under one setting after the other, from the most careful to the cheapest."""

    name: str
    points: tuple[Point, ...]


def frontier(
    curves: Mapping[str, Mapping[str, Strategy]],
    trace: Trace,
    *,
    peak_instances: int,
    lead: int,
    warmup: int,
    each: Each = map,
) -> tuple[Curve, ...]:
    """The cost and violations of every variant (by label) of every curve (by name), on one load."""
    trace, warmup = trace.scaled(peak_instances), min(warmup, len(trace) // 2)
    load, found = trace.load[warmup:], []
    flat = [strategy for variants in curves.values() for strategy in variants.values()]
    played = iter(each(play_job, [(strategy, trace, lead) for strategy in flat]))
    for name, variants in curves.items():
        runs = {label: next(played)[0].after(warmup) for label in variants}
        scores = compare(runs, load, lead)
        points = tuple(Point(label, scores[label].cost, scores[label].violations) for label in variants)
        found.append(Curve(name, points))
    return tuple(found)


def curves_of(strategies: Sequence[Strategy]) -> dict[str, dict[str, Strategy]]:
    """What frontiers to draw: of bare target tracking, and of each configuration that has such a knob.

    The knob is the budget of the first `predictive` policy, else the target of the first `target_tracking`
    one. Configurations that differ in the knob alone have one curve.
    """
    tracking = {f"{target:.0%}": Strategy(f"target-tracking:{target:.0%}") for target in TARGETS}
    curves = {"target-tracking": tracking}
    for strategy in strategies:
        if strategy.cfg is None:
            continue
        variants = {label: Strategy(label, cfg) for label, cfg in variants_of(strategy.cfg).items()}
        if variants and variants not in curves.values():
            curves[strategy.name] = variants
    return curves


def variants_of(cfg: TargetSettings) -> dict[str, TargetSettings]:
    """The settings under each setting of their knob, by its label; none where there is no knob."""
    budgets = {budget.replace("%", " %"): budget for budget in BUDGETS}
    targets = {f"{target:.0%}": target for target in TARGETS}
    return _over(cfg, "predictive", "budget", budgets) or _over(cfg, "target_tracking", "target", targets)


def _over(cfg: TargetSettings, kind: str, key: str, values: Mapping[str, Any]) -> dict[str, TargetSettings]:
    types = [getattr(policy, "type", "") for policy in cfg.policies]
    if kind not in types:
        return {}
    at = types.index(kind)
    written = cfg.policies[at].model_dump(mode="json", by_alias=True, exclude_unset=True)
    fields = {name: getattr(cfg, name) for name in TargetSettings.model_fields}
    found = {}
    for label, value in values.items():
        policy = type(cfg.policies[at]).model_validate({**written, "type": kind, key: value})
        policies = (*cfg.policies[:at], policy, *cfg.policies[at + 1 :])
        found[label] = TargetSettings.model_construct(**fields | {"policies": policies})
    return found
