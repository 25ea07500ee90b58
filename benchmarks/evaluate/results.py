"""All figures of one evaluation, as values that can be written to JSON."""

from collections.abc import Mapping

import msgspec
import numpy as np

from forescale.sim.backtest import compare
from forescale.sim.baselines import find_baseline
from forescale.sim.measures import Score
from forescale.sim.run import Run

from .bursts import Met, met
from .cache import Cache
from .frontier import Spot
from .quality import Quality, quality
from .traces import SUSTAINED, Load
from .work import BUDGET_MODES, PRICE_MODES, STATUS_QUO_MODES, TARGETS, Piece, Said, runs

BASELINES = (*(f"target-tracking:{target}" for target in TARGETS), "hpa", "aws-predictive", "static-peak")
TRACKING = "target-tracking:60%"


class Ahead(msgspec.Struct, frozen=True):
    """One trace at one lead time. `budgets` and `status_quo` are by what was asked for."""

    lead: int
    budgets: dict[str, Spot]
    status_quo: dict[str, Spot]
    frontier: list[Spot]
    baselines: dict[str, Spot]
    quality: Quality | None


class Result(msgspec.Struct, frozen=True):
    """One trace. `judged`: it counts in the verdicts; `minutes` of its load are scored and known."""

    spec: str
    title: str
    slug: str
    kind: str
    judged: bool
    jump: float
    minutes: int
    step: float
    notes: list[str]
    leads: dict[str, Ahead]
    bursts: Met | None = None

    @property
    def main(self) -> Ahead:
        """At the lead time of the setting, or the only one that was asked for."""
        return self.leads.get("4") or next(iter(self.leads.values()))


class About(msgspec.Struct, frozen=True):
    """When, where and of what the figures are."""

    date: str
    version: str
    source: str
    cores: int
    machine: str
    command: str
    left_out: list[str]


class Results(msgspec.Struct, frozen=True):
    """The whole."""

    about: About
    traces: list[Result]


def result(load: Load, pieces: Mapping[int, list[Piece]], cache: Cache) -> Result:
    """The figures of one trace; `pieces` by lead time."""
    known = load.scored[~np.isnan(load.scored)]
    return Result(
        spec=load.public.spec,
        title=load.public.title,
        slug=load.slug,
        kind=load.kind,
        judged=load.public.kind is not None,
        jump=load.jump,
        minutes=len(known),
        step=load.trace.step,
        notes=list(load.trace.notes),
        leads={str(lead): _ahead(load, lead, some, cache) for lead, some in pieces.items()},
        bursts=_bursts(load, pieces, cache),
    )


def played(load: Load, lead: int, pieces: list[Piece], cache: Cache) -> dict[str, Run]:
    """What each setting and each baseline did in the scored minutes, by label."""
    found = dict(runs(pieces, cache))
    for name in BASELINES:
        baseline = find_baseline(name)
        if baseline is not None:
            found[name] = baseline(load.trace, lead).after(load.warmup)
    return found


def _ahead(load: Load, lead: int, pieces: list[Piece], cache: Cache) -> Ahead:
    scores = compare(played(load, lead, pieces, cache), load.scored, lead)
    spots = {label: _spot(label, score) for label, score in scores.items()}
    return Ahead(
        lead=lead,
        budgets={name: spots[mode.label] for name, mode in BUDGET_MODES.items() if mode.label in spots},
        status_quo={n: spots[mode.label] for n, mode in STATUS_QUO_MODES.items() if mode.label in spots},
        frontier=[spots[mode.label] for mode in PRICE_MODES if mode.label in spots],
        baselines={name: spots[name] for name in BASELINES},
        quality=_quality(load, lead, pieces, cache),
    )


def _spot(label: str, score: Score) -> Spot:
    return Spot(label, round(score.cost, 4), round(score.violations, 5), round(score.actions_per_day, 2))


def said(pieces: list[Piece], cache: Cache) -> Said:
    """What was forecast."""
    forecasts = pieces[0].forecasts
    found = cache.get(f"{forecasts.name}-said", forecasts.key)
    if not isinstance(found, Said):
        raise TypeError(f"{forecasts.name}: the cache holds something else")
    return found


def _quality(load: Load, lead: int, pieces: list[Piece], cache: Cache) -> Quality | None:
    made = said(pieces, cache)
    return quality(load.trace.load, made.quantiles, made.models, warmup=load.warmup, horizon=lead + 1)


def _bursts(load: Load, pieces: Mapping[int, list[Piece]], cache: Cache) -> Met | None:
    """Where bursts are frequent and the load is sustained between them."""
    if load.kind != SUSTAINED or 4 not in pieces:
        return None
    found = played(load, 4, pieces[4], cache)
    names = [mode.label for mode in BUDGET_MODES.values() if mode.label in found]
    return met(load.scored, {name: found[name] for name in (*names, TRACKING)})
