"""Which period a signal has: found by how much it resembles itself that long ago."""

import numpy as np

from forescale.forecast.windows import forward_filled
from forescale.series.regular import Floats, Series

CANDIDATES = (1800.0, 3600.0, 7200.0, 10_800.0, 14_400.0, 21_600.0, 28_800.0, 43_200.0, 86_400.0, 604_800.0)
"""Periods that are looked for, in seconds: half an hour to a week."""

USUAL = 86_400.0
"""What is assumed where none stands out: a day."""

_CLEAR = 0.1  # a weaker resemblance is chance
_BETTER = 0.02  # a longer period must resemble by so much more than a shorter one
_WINDOW = 35 * 1440


def learned_period(series: Series) -> int:
    """The period in steps at which the signal resembles itself most.

    A signal that changes slowly resembles itself at every short distance; so a period counts
    only where the resemblance is greater than at three quarters and at five quarters of it. It
    must be there twice. Where none counts: a day, or half the history where that is shorter.
    """
    values = forward_filled(series.values[-_WINDOW:])
    values = values[~np.isnan(values)]
    best, found = _CLEAR, 0
    for seconds in CANDIDATES:
        steps = round(seconds / series.step)
        if steps < 4 or len(values) < 2 * steps:
            continue
        here = resemblance(values, steps)
        beside = max(resemblance(values, 3 * steps // 4), resemblance(values, 5 * steps // 4))
        if here > beside and here > best + (_BETTER if found else 0.0):
            best, found = here, steps
    return found or max(min(round(USUAL / series.step), len(series) // 2), 1)


def resemblance(values: Floats, lag: int) -> float:
    """The correlation of the values with those `lag` steps earlier; 0 where one of the two is constant."""
    if len(values) < lag + 3:
        return 0.0
    now, then = values[lag:] - np.mean(values[lag:]), values[:-lag] - np.mean(values[:-lag])
    size = float(np.sqrt(np.sum(now**2)) * np.sqrt(np.sum(then**2)))
    return float(np.sum(now * then) / size) if size > 0 and np.isfinite(size) else 0.0
