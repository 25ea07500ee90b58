"""Bursts of a load, and how many of them found capacity that was already there."""

import msgspec
import numpy as np

from forescale.series.regular import Floats, Ints
from forescale.sim.measures import short
from forescale.sim.run import Run

AROUND = 30
"""Minutes before and after the top of a burst that are looked at."""

_RISE = 5  # minutes before its top in which a burst comes
_STEEP = 1.5  # times what was usual in the minutes around: less is no burst


class Met(msgspec.Struct, frozen=True):
    """How many bursts there were, and the share of them in which nothing was violated, by strategy.

    `hourly` is the share of those that came a whole number of hours after the one before.
    """

    bursts: int
    hourly: float
    share: dict[str, float]


def tops(load: Floats) -> Ints:
    """The minutes in which a burst has its top: the highest within half an hour, far above the usual."""
    found: list[int] = []
    for minute in np.flatnonzero(~np.isnan(load[AROUND:-AROUND])) + AROUND:
        around = load[minute - AROUND : minute + AROUND + 1]
        if load[minute] < np.nanmax(around) or load[minute] < _STEEP * np.nanmedian(around):
            continue
        if not found or minute - found[-1] > AROUND:
            found.append(int(minute))
    return np.array(found, dtype=np.int64)


def met(load: Floats, runs: dict[str, Run]) -> Met:
    """The share of bursts that each strategy was there for, from the rise to the top."""
    at = tops(load)
    share = {}
    for name, run in runs.items():
        late = short(load, run.serving)
        share[name] = float(np.mean([not late[t - _RISE : t + 1].any() for t in at])) if len(at) else 1.0
    return Met(len(at), hourly(at), share)


def hourly(at: Ints) -> float:
    """The share of bursts that came whole hours after the one before, give or take `_RISE` minutes."""
    off = np.diff(at) % 60
    return float(np.mean(np.minimum(off, 60 - off) <= _RISE)) if len(off) else 0.0


def profile(values: Floats, at: Ints, share: float) -> Floats:
    """A quantile over all bursts at each minute around their tops, shape (2 AROUND + 1,)."""
    rows = np.array([values[t - AROUND : t + AROUND + 1] for t in at])
    return np.asarray(np.nanquantile(rows, share, axis=0), dtype=np.float64)
