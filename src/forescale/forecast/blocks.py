"""What the statistical models are fitted to: the newest steps, or blocks of them where they are too many."""

from collections.abc import Iterator

import numpy as np

from forescale.forecast.windows import forward_filled, trailing_max
from forescale.series.regular import Floats, Ints, Series

FEW = 4032
"""Blocks that a statistical model is fitted to. Of minutes, that is nearly three days."""

BURN_IN = 200
"""Blocks before a moment from which a model's inner state is made anew; older ones no longer matter."""

AHEAD = 60
"""Blocks that are forecast one by one; a longer horizon is told in coarser ones."""

_CELLS = 4_000_000  # blocks held at once, which bounds memory


def block_maxima(series: Series, width: int) -> Floats:
    """At each step the maximum of the `width` steps that end with it; where none is known, the one before."""
    highest = trailing_max(series.values, width)
    filled = forward_filled(np.where(np.isfinite(highest), highest, np.nan))
    known = filled[~np.isnan(filled)]
    return np.where(np.isnan(filled), known[0] if len(known) else 0.0, filled)


def blocks_until(maxima: Floats, origins: Ints, width: int, count: int) -> Floats:
    """The last `count` blocks before each origin, shape (len(origins), count), the oldest first.

    Before the history, the oldest block there is.
    """
    places = origins[:, None] - 1 - width * np.arange(count - 1, -1, -1)
    return np.asarray(maxima[np.maximum(places, (origins[:, None] - 1) % width)], dtype=np.float64)


def block_width(horizon: int) -> int:
    """Steps of a block: one, unless there are more than `AHEAD` of them to the horizon."""
    return -(-horizon // AHEAD)


def chunks(origins: Ints, steps: int) -> Iterator[Ints]:
    """The origins in parts for which `steps` blocks each can be held at once."""
    size = max(_CELLS // max(steps, BURN_IN), 1)
    return (origins[i : i + size] for i in range(0, len(origins), size))
