"""Sums, maxima and ages over sliding windows, so that they do not depend on where the data begins.

A running sum carries the rounding errors of all that came before; forecasts of one moment
would then differ with how much history was handed in. These are made by doubling: the sum over
2 w steps is that of w steps now and w steps ago, so that each result has its own few operations.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from forescale.series.regular import Floats, Ints


def trailing_sum(values: Floats, width: int) -> Floats:
    """The sum of the last `width` values at each step; what lies before the first counts as 0."""
    return _doubling(values, width, np.add, 0.0)


def trailing_mean(values: Floats, width: int) -> Floats:
    """The mean of the known among the last `width` values at each step; NaN where there is none."""
    known = trailing_sum((~np.isnan(values)).astype(np.float64), width)
    total = trailing_sum(np.nan_to_num(values), width)
    mean: Floats = np.divide(total, known, out=np.full(len(values), np.nan), where=known > 0)
    return mean


def trailing_max(values: Floats, width: int) -> Floats:
    """The largest of the last `width` values at each step, NaN left out; -inf where there is none."""
    return _doubling(np.where(np.isnan(values), -np.inf, values), width, np.maximum, -np.inf)


def _doubling(values: Floats, width: int, combine: Callable[[Any, Any], Floats], neutral: float) -> Floats:
    """`combine` over the last `width` values, by the binary digits of `width`."""
    total = np.full(len(values), neutral)
    block, size, offset = values, 1, 0
    while width and offset < len(values):
        if width & 1:
            total[offset:] = combine(total[offset:], block[: len(values) - offset])
            offset += size
        width >>= 1
        block = np.concatenate((block[:size], combine(block[size:], block[: max(len(block) - size, 0)])))
        size *= 2
    return total


def forward_filled(values: Floats) -> Floats:
    """Each absent value replaced by the newest one before it; NaN before the first."""
    return np.asarray(values[_newest(~np.isnan(values))], dtype=np.float64) if len(values) else values


def age_of(events: Any) -> Ints:
    """Steps since `events` was last true, 0 where it is true now; since the start where it never was."""
    return np.asarray(np.arange(len(events)) - _newest(np.asarray(events, dtype=bool)), dtype=np.int64)


def _newest(events: Any) -> Ints:
    """The index of the newest true at or before each place; 0 before the first."""
    return np.maximum.accumulate(np.where(events, np.arange(len(events)), 0))


def realised(values: Floats, origins: Ints, horizon: int) -> Floats:
    """The maximum that came about over the `horizon` steps from each origin on.

    Shape (origins,); NaN where not a single one of these steps is known, or where they reach
    beyond the end.
    """
    highest = trailing_max(values, horizon)
    last = origins + horizon - 1
    found = np.where(last < len(values), highest[np.minimum(last, len(values) - 1)], np.nan)
    return np.where(np.isfinite(found), found, np.nan)
