"""Every stage of protection, rehearsed on the live past: what each would have cost and violated.

An arm is a stage of protection (see `newsvendor`) and a manner of moving. It sees each forecast as it
was made and the demand as it came; its fleet is that of the simulation: what is decided is billed from
the next step on and serves a lead time later; what is dropped is gone at once. The measured frontier of
cost against violations is what a controller chooses from: nothing in it is assumed.

A change of capacity waits until what it would have saved so far exceeds a patience (the ski-rental rule:
Karlin et al., Algorithmica 3, 1988): small gains are not worth an action, large ones are not put off.
"""

from dataclasses import dataclass

import numpy as np

from forescale.forecast.newsvendor import HEADROOMS, PRICES, STAGES, capacities, shortfall, shortfall_at
from forescale.model.forecast import Frontier, Manner
from forescale.series.regular import Floats, Ints

MEMORY = 7 * 1440
"""Steps in which a rehearsal forgets to 1/e what it has counted."""


@dataclass(frozen=True)
class Way:
    """A manner of moving.

    `hold` is the number of steps for which a need is remembered before capacity goes; `patience`
    (to scale in) and `urgency` (to scale out) are how many instance-steps a change must have been worth.
    """

    hold: int
    patience: float
    urgency: float = 2.0


WAYS = (
    Way(0, 60.0, 5.0),
    Way(0, 200.0, 10.0),
    Way(5, 10.0, 2.0),
    Way(5, 100.0, 10.0),
    Way(15, 300.0, 15.0),
)
"""The manners rehearsed. Of fourteen tried on public loads none was better than these in cost and actions."""

PLAIN = 2
"""The manner to begin with, before anything has been rehearsed."""

_PATIENCE = np.array([[way.patience] for way in WAYS])
_URGENCY = np.array([[way.urgency] for way in WAYS])
_LONGEST = max(way.hold for way in WAYS)
_PRICE = np.concatenate((PRICES, np.full(len(HEADROOMS), PRICES[-1])))
_FACTOR = np.concatenate((np.ones(len(PRICES)), HEADROOMS))
_FADE = 0.9  # an advantage that is gone is forgotten in some steps
_ROUNDING = 1e-9


class Rehearsal:
    """All arms of a target: arrays of shape (len(WAYS), STAGES). `lead` is in steps."""

    def __init__(self, lead: int) -> None:
        shape = (len(WAYS), STAGES)
        self._decided = np.ones((lead + 1, *shape), dtype=np.int64)
        self._wanted = np.ones((_LONGEST + 1, STAGES), dtype=np.int64)
        self._regret = np.zeros(shape)
        self._billed, self._violated, self._acted = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._requests = self._steps = 0.0
        self._place = self._forecasts = 0

    def advance(self, demand: float, row: Floats | None) -> None:
        """A step has ended with this demand (NaN where absent); `row` is the forecast made after it.

        What was violated before the first decision could serve is nobody's fault.
        """
        current = self._decided[self._place % len(self._decided)]
        counting = self._forecasts > len(self._decided)
        if counting and not np.isnan(demand):
            self._count(float(demand), current)
        self._place += 1
        moved = current
        if row is not None:
            moved = self._moved(current, row)
            self._forecasts += 1
        if counting:
            self._acted += moved != current
        self._decided[self._place % len(self._decided)] = moved

    def frontier(self) -> Frontier:
        """What each arm has cost (billed per demand), violated (share of demand), and done (per day)."""
        requests, days = max(self._requests, 1e-12), max(self._steps / 1440, 1e-12)
        manners = tuple(
            Manner(
                _rounded(self._billed[i] / requests),
                _rounded(self._violated[i] / requests),
                _rounded(self._acted[i] / days),
            )
            for i in range(len(WAYS))
        )
        return Frontier(manners, float(round(self._steps)))

    def _count(self, demand: float, billed: Ints) -> None:
        keep = 1 - 1 / MEMORY
        for sums in (self._billed, self._violated, self._acted):
            sums *= keep
        self._requests = self._requests * keep + demand
        self._steps = self._steps * keep + 1
        self._billed += billed
        self._violated += demand * (demand > self._decided.min(axis=0) + _ROUNDING)

    def _moved(self, current: Ints, row: Floats) -> Ints:
        best = capacities(row)
        if not self._forecasts:
            self._decided[:], self._wanted[:] = best, best
            return np.broadcast_to(best, current.shape).copy()
        self._wanted[self._place % len(self._wanted)] = best
        back = (self._place - np.arange(_LONGEST + 1)) % len(self._wanted)
        held = np.maximum.accumulate(self._wanted[back], axis=0)[[way.hold for way in WAYS]]
        moved, self._regret = move(
            current, best, held, self._regret, row, (_PATIENCE, _URGENCY), (_PRICE, _FACTOR)
        )
        return moved


def move(
    current: Ints,
    best: Ints,
    held: Ints,
    regret: Floats,
    row: Floats,
    patience: tuple[Floats, Floats],
    stage: tuple[Floats, Floats],
) -> tuple[Ints, Floats]:
    """Where arms go from `current`, and what they have forgone so far by staying.

    `best` is what the forecast asks for now, `held` the most it asked for within the hold,
    `patience` that to scale in and that to scale out, `stage` the price of a violation and
    the headroom that `best` holds. All of shapes that broadcast together.
    """
    price, factor = stage
    goal = np.where(best < current, np.minimum(held, current), best)
    both = np.stack((current, goal)) / factor
    cost = both + price * shortfall(row, both.ravel()).reshape(both.shape)
    regret = np.where(goal == current, _FADE * regret, regret + np.maximum(cost[0] - cost[1], 0.0))
    now = (goal != current) & (regret > np.where(goal > current, patience[1], patience[0]))
    return np.where(now, goal, current), np.where(now, 0.0, regret)


def move_one(
    current: int, best: int, held: int, regret: float, row: Floats, way: Way, stage: tuple[float, float]
) -> tuple[int, float]:
    """`move` for one arm, without the price of arrays."""
    price, factor = stage
    goal = min(held, current) if best < current else best
    if goal == current:
        return current, _FADE * regret
    stays, goes = current / factor, goal / factor
    saved = stays + price * shortfall_at(row, stays) - (goes + price * shortfall_at(row, goes))
    regret += max(saved, 0.0)
    return (goal, 0.0) if regret > (way.urgency if goal > current else way.patience) else (current, regret)


def _rounded(values: Floats) -> tuple[float, ...]:
    """To four digits: it is written down every quarter of an hour."""
    return tuple(float(f"{value:.4g}") for value in values)
