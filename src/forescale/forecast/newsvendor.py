"""How much capacity is worth its cost: the newsvendor's question, asked of a forecast.

An instance costs 1 an instance-minute. A request that meets too little capacity costs a price p.
With M the maximum of demand over the next lead time, the best capacity s minimises

    s + p · E[M; M > s]

(Arrow, Harris and Marschak, Econometrica 19, 1951; here all requests of a minute above capacity are
violated, not only those beyond it). It is no fixed quantile: where demand is certain a little more
buys much safety and the best s is a high quantile; where it is anybody's guess, a low one.
"""

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


def capacities(row: Floats) -> Ints:
    """Instances needed at each stage of protection, shape (STAGES,), ascending.

    `row` holds the quantiles at `LEVELS` of the maximum of demand, in instances. No fewer
    than the median needs, and at least 1.
    """
    sizes = _sizes(row)
    best = sizes[np.argmin(sizes + np.outer(PRICES, shortfall(row, sizes)), axis=1)]
    best = np.maximum.accumulate(best)
    ample = np.ceil(best[-1] * np.array(HEADROOMS) - 1e-9)
    return np.concatenate((best, ample)).astype(np.int64)


def shortfall(row: Floats, sizes: Floats) -> Floats:
    """E[M; M > s] for each size s: the demand of those times in which it is above s.

    Between two quantiles demand is taken to be uniform; above the last it ends as far from
    it as that is from the one at 99.5 %.
    """
    knots = np.append(row, 2 * row[-1] - row[_TAIL])
    mass = np.diff(np.append(LEVELS, 1.0))
    whole = mass * (knots[1:] + knots[:-1]) / 2
    above = np.append(np.cumsum(whole[::-1])[::-1], 0.0)
    place = np.clip(np.searchsorted(knots, sizes, side="right"), 1, len(knots) - 1)
    low, high = knots[place - 1], knots[place]
    inside = np.clip(sizes, low, high)
    width = np.maximum(high - low, 1e-12)
    part = mass[place - 1] * (high - inside) / width * (high + inside) / 2
    return np.where(sizes >= knots[-1], 0.0, above[place] + part)


def _sizes(row: Floats) -> Floats:
    """The capacities worth looking at: whole instances from the median to the end of the tail."""
    least = max(float(np.ceil(row[MEDIAN] - 1e-9)), 1.0)
    most = max(float(np.ceil(2 * row[-1] - row[_TAIL] - 1e-9)), least)
    if most - least < _MOST:
        return np.arange(least, most + 1)
    return np.unique(np.ceil(np.linspace(least, most, _MOST)))
