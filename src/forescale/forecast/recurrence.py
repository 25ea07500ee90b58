"""What comes again: bursts and the time since them, and profiles of the hour, the day and the week.

Jobs that start by a timer make a burst each hour, a few minutes early or late. A lag of an hour misses
those; the time since the last burst, the interval before it and how high it went do not.
"""

from collections.abc import Iterator

import numpy as np

from forescale.forecast.windows import forward_filled, trailing_max, trailing_mean
from forescale.series.regular import Floats, Ints, Series

LONGEST = 600
"""Steps after which a burst is forgotten: its age and the interval before it are at most this."""

_RISES = (1.15, 1.5)  # times the mean of the last `_LEVEL` steps above which a burst begins
_LEVEL = 180
_CALM = 5  # steps for which it must have been over before the next one begins
_PEAK = 30  # steps from its rise on in which a burst is as high as it gets
_AROUND = ((3600.0, 20), (3600.0, 10), (7200.0, 20), (86_400.0, 30))  # seconds ago; steps looked at there
_PROFILES = (  # period in seconds, and over how many periods
    (3600.0, 24),
    (3600.0, 5),
    (10_800.0, 12),
    (14_400.0, 12),
    (21_600.0, 10),
    (86_400.0, 7),
    (86_400.0, 2),
)
_SHORT = 120  # steps whose mean a profile is relative to
_LOOKBACK = 7 * 1440 + 300  # steps; the longest profile, and the mean before it

Column = tuple[str, Floats]


def recurring(series: Series, origins: Ints, horizon: int, last: Floats, scale: Floats) -> Iterator[Column]:
    """Columns for each origin, from the values before it: relative to `last`, in units of `scale`."""
    first = max(int(origins[0]) - _LOOKBACK, 0)
    seen, at = series.cut(first, int(origins[-1])), origins - 1 - first
    values = forward_filled(seen.values)
    for factor in _RISES:
        yield from _bursts(values, at, factor, last, scale)
    for seconds, width in _AROUND:
        steps = round(seconds / seen.step)
        if steps > width:
            then = _at(trailing_max(values, width), at - steps + width // 2 + 2)
            yield f"around_{seconds:.0f}_{width}", (then - last) / scale
    yield from _profiles(seen, at, horizon, last, scale)


def _bursts(values: Floats, at: Ints, factor: float, last: Floats, scale: Floats) -> Iterator[Column]:
    """Since when the last burst, the interval before it, how much of that is left, and its height."""
    above = trailing_max(values, _CALM) > factor * trailing_mean(values, _LEVEL)
    rises = np.flatnonzero(above[1:] & ~above[:-1]) + 1
    place = np.searchsorted(rises, at, side="right") - 1
    known = np.concatenate((np.full(2, -2 * LONGEST), rises))
    newest, before = known[place + 2], known[place + 1]
    age = np.minimum(at - newest, LONGEST)
    interval = np.where(age < LONGEST, np.minimum(newest - before, LONGEST), LONGEST)
    peak = _at(trailing_max(values, _PEAK), np.minimum(at, newest + _PEAK - 1))
    yield f"burst_age_{factor:g}", age.astype(np.float64)
    yield f"burst_interval_{factor:g}", interval.astype(np.float64)
    yield f"burst_due_{factor:g}", (interval - age).astype(np.float64)
    yield f"burst_peak_{factor:g}", np.where(age < LONGEST, (peak - last) / scale, np.nan)


def _profiles(seen: Series, at: Ints, horizon: int, last: Floats, scale: Floats) -> Iterator[Column]:
    """What the maximum was above the level at this time of the last hours and days, on average."""
    level, highest = trailing_mean(seen.values, _SHORT), trailing_max(seen.values, horizon)
    above = np.full(len(level), np.nan)  # of the steps after each one
    above[: len(level) - horizon] = highest[horizon:] - level[: len(level) - horizon]
    above[~np.isfinite(above)] = np.nan
    for seconds, periods in _PROFILES:
        steps = round(seconds / seen.step)
        if steps < horizon:
            continue
        past = np.stack([_at(above, at - k * steps) for k in range(1, periods + 1)])
        known = ~np.isnan(past)
        count = known.sum(axis=0)
        total = np.where(known, past, 0.0).sum(axis=0)
        mean = np.divide(total, count, out=np.full(len(at), np.nan), where=count > 0)
        yield f"profile_{seconds:.0f}_{periods}", (mean + level[at] - last) / scale


def _at(values: Floats, places: Ints) -> Floats:
    """The values at these places; NaN before the first."""
    found = values[np.maximum(places, 0)]
    return np.where((places >= 0) & np.isfinite(found), found, np.nan)
