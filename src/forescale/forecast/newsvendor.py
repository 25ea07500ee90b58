"""How much capacity is worth its cost: the newsvendor's question, asked of a forecast.

An instance costs 1 an instance-minute. A request that meets too little capacity costs a price p.
With M the maximum of demand over the next lead time, the best capacity s minimises

    s + p · E[M; M > s]

(Arrow, Harris and Marschak, Econometrica 19, 1951; here all requests of a minute above capacity are
violated, not only those beyond it). It is no fixed quantile: where demand is certain a little more
buys much safety and the best s is a high quantile; where it is anybody's guess, a low one.
"""

from bisect import bisect_right
from functools import lru_cache

import numpy as np

from forescale.forecast.base import LEVELS, MEDIAN
from forescale.series.regular import Floats, Ints

PRICES = tuple(float(f"{price:.3g}") for price in np.geomspace(0.1, 20_000, 20))
"""Prices of a violation, from hardly caring to caring about nothing else."""

HEADROOMS = (1.06, 1.12, 1.2, 1.3, 1.45, 1.7, 2.0)
"""Beyond the highest price: times the capacity that it leads to, for what no forecast has seen."""

STAGES = len(PRICES) + len(HEADROOMS)
"""How many stages of protection there are: first the prices, then the headrooms."""

_MOST = 160  # capacities looked at; of more, some are left out
_TAIL = LEVELS.index(0.995)  # the highest quantile's distance to this one is that of the end to it
_MASS = np.diff(np.append(LEVELS, 1.0))
_PRICES = np.array(PRICES)[:, None]
_HEADROOMS = np.array(HEADROOMS)


def capacities(row: Floats) -> Ints:
    """Instances needed at each stage of protection, shape (STAGES,), ascending.

    `row` holds the quantiles at `LEVELS` of the maximum of demand, in instances. No fewer
    than the median needs, and at least 1.
    """
    sizes = _sizes(row)
    best = sizes[np.argmin(sizes + _PRICES * shortfall(row, sizes), axis=1)]
    best = np.maximum.accumulate(best)
    ample = np.ceil(best[-1] * _HEADROOMS - 1e-9)
    return np.concatenate((best, ample)).astype(np.int64)


def shortfall(row: Floats, sizes: Floats) -> Floats:
    """E[M; M > s] for each size s: the demand of those times in which it is above s.

    Between two quantiles demand is taken to be uniform; above the last it ends as far from
    it as that is from the one at 99.5 %.
    """
    knots, above, widths = _curve(row.tobytes())
    place = np.minimum(np.maximum(knots.searchsorted(sizes, side="right"), 1), len(knots) - 1)
    high = knots[place]
    inside = np.minimum(sizes, high)
    part = _MASS[place - 1] * (high - inside) / widths[place - 1] * (high + inside) / 2
    found = np.where(sizes < knots[0], above[0], above[place] + part)
    return np.where(sizes >= knots[-1], 0.0, found)


def shortfall_at(row: Floats, size: float) -> float:
    """`shortfall` for one size, without the price of arrays."""
    knots, above, widths = _lists(row.tobytes())
    if size >= knots[-1]:
        return 0.0
    if size < knots[0]:
        return above[0]
    place = bisect_right(knots, size)
    high = knots[place]
    return above[place] + float(_MASS[place - 1]) * (high - size) / widths[place - 1] * (high + size) / 2


@lru_cache(8)  # one forecast is asked about several times in a row
def _curve(row: bytes) -> tuple[Floats, Floats, Floats]:
    """Knots of the distribution, the demand above each, and the widths between them."""
    values = np.frombuffer(row)
    knots = np.append(values, 2 * values[-1] - values[_TAIL])
    above = np.zeros(len(knots))
    above[:-1] = (_MASS * (knots[1:] + knots[:-1]) / 2)[::-1].cumsum()[::-1]
    return knots, above, np.maximum(knots[1:] - knots[:-1], 1e-12)


@lru_cache(8)
def _lists(row: bytes) -> tuple[list[float], list[float], list[float]]:
    knots, above, widths = _curve(row)
    return knots.tolist(), above.tolist(), widths.tolist()


def _sizes(row: Floats) -> Floats:
    """The capacities worth looking at: whole instances from the median to the end of the tail."""
    least = max(float(np.ceil(row[MEDIAN] - 1e-9)), 1.0)
    most = max(float(np.ceil(2 * row[-1] - row[_TAIL] - 1e-9)), least)
    if most - least < _MOST:
        return np.arange(least, most + 1)
    return np.unique(np.ceil(np.linspace(least, most, _MOST)))
