"""How sure a difference between two strategies on one load is: paired block-bootstrap intervals.

What a strategy costs in one minute depends on what it did in those before, and on the hour of
the day; so minutes are drawn in blocks of a day, which keep both. Both strategies are drawn at
the same minutes: the load is the same for both, and only the difference counts.

Sources: circular blocks are those of D. N. Politis, J. P. Romano, "A circular block-resampling
procedure for stationary data", in: Exploring the Limits of Bootstrap, 1992. A bootstrap of few blocks
is too narrow; its interval is stretched by √(m / (m - 1)) · t/z for m blocks, the "expanded
percentile" interval of T. C. Hesterberg, "What Teachers Should Know About the Bootstrap", The
American Statistician 69(4), 2015.
"""

from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from forescale.model.value import Value
from forescale.sim.measures import short
from forescale.sim.oracle import Floats
from forescale.sim.run import Run

DAY = 1440
_FEWEST_BLOCKS = 5
"""A load of fewer days is cut into so many blocks, shorter than a day."""


class Interval(Value, frozen=True):
    """A difference and the confidence interval around it."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """The sign of the difference is not an accident of the load, at the interval's level."""
        return self.low > 0 or self.high < 0


class Difference(Value, frozen=True):
    """What a strategy does otherwise than another on the same load.

    `cost` is relative to the other's cost, in %: +3 is 3 % dearer. `violations` is in
    percentage points of all requests. `blocks` says how many independent stretches there were.
    """

    cost: Interval
    violations: Interval
    blocks: int


def difference(
    run: Run,
    base: Run,
    load: Floats,
    rng: np.random.Generator,
    *,
    draws: int = 1000,
    level: float = 0.95,
    block: int = DAY,
) -> Difference:
    """`run` against `base` over the same minutes of a load (in instances).

    cost = 100 · (Σ b ÷ Σ b of the base - 1); violations = V - V of the base. Both are ratios
    of sums, drawn as such. `block` is in minutes, shortened where there are fewer than five.
    """
    block = max(min(block, len(load) // _FEWEST_BLOCKS), 1)
    at = _starts(len(load), block, draws, rng)
    requests = np.nan_to_num(load)
    failed, base_failed = requests * short(load, run.serving), requests * short(load, base.serving)
    cost = _ratio(run.billed - base.billed, base.billed, at, block, level)
    violations = _ratio(failed - base_failed, requests, at, block, level)
    return Difference(cost, violations, len(load) // block)


def _starts(minutes: int, block: int, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The first minute of each block: a row for each draw."""
    return rng.integers(0, minutes, size=(draws, max(minutes // block, 1)))


def _ratio(
    part: NDArray[np.int64] | Floats,
    whole: NDArray[np.int64] | Floats,
    at: NDArray[np.int64],
    block: int,
    level: float,
) -> Interval:
    """100 · Σ part ÷ Σ whole, with its interval; 0 where the whole is."""
    drawn_part, drawn_whole = _sums(part, at, block), _sums(whole, at, block)
    total = float(whole.sum())
    value = 100 * float(part.sum()) / total if total > 0 else 0.0
    drawn = np.divide(
        100 * drawn_part, drawn_whole, out=np.zeros(len(at), dtype=np.float64), where=drawn_whole > 0
    )
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    wider = _stretch(at.shape[1], level)
    return Interval(value, value + wider * float(low - value), value + wider * float(high - value))


def _sums(values: NDArray[np.int64] | Floats, at: NDArray[np.int64], block: int) -> Floats:
    """The sum over the blocks of each draw; a block goes on at the beginning where the load ends."""
    running = np.concatenate(([0.0], np.cumsum(np.concatenate((values, values[:block])), dtype=np.float64)))
    sums: Floats = (running[at + block] - running[at]).sum(axis=1)
    return sums


def _stretch(blocks: int, level: float) -> float:
    """√(m / (m - 1)) · t/z, with t/z ≈ 1 + (z² + 1) / (4 (m - 1)): Cornish and Fisher's first term."""
    if blocks < 2:
        return 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    return sqrt(blocks / (blocks - 1)) * (1 + (z * z + 1) / (4 * (blocks - 1)))
