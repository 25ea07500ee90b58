"""What the learning models see at a moment: lags, windows, differences, the calendar, the past days.

All of it is relative to the level of the last hour, so that what was learned at one level holds at
another; and none of it looks further back than `LOOKBACK`, or forward at all.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from forescale.forecast.windows import age_of, forward_filled, trailing_max, trailing_mean
from forescale.series.regular import Floats, Ints, Series

LAGS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120)
WINDOWS = (5, 15, 60, 360, 1440)
DELTAS = (1, 5, 15, 60)
RECURRING = (3600.0, 86_400.0, 604_800.0)
"""Seconds ago at which something is looked at again: an hour, a day, a week."""

LEVEL = 60
"""Steps whose mean is the level that all else is relative to."""

OLDEST_LINE = 30
"""A straight line older than so many steps is old."""

_DAY = 1440
_STRAIGHT = 1e-6  # slopes that differ by less, relative to the value, are the same
_QUIET = 0.05  # the level is at least this share of the last day's, so that a pause does not divide by 0


@dataclass(frozen=True)
class Features:
    """A row for each origin: `matrix` (n, columns) with NaN where something lies before the history.

    A prediction p stands for the value `last` + p x `scale`.
    """

    names: tuple[str, ...]
    matrix: Floats
    last: Floats
    scale: Floats


def lookback(step: float) -> int:
    """Steps of history on which the features of a moment depend."""
    return max(round(max(RECURRING) / step), *WINDOWS) + 2 * LEVEL


def features(series: Series, origins: Ints, horizon: int, *, more: "Columns | None" = None) -> Features:
    """The features of each origin, from the values before it. The origins ascend, from 1 on.

    `more` gives further columns, by (series, origins, horizon, last values, scale).
    """
    first = max(int(origins[0]) - max(WINDOWS) - 2 * LEVEL, 0)
    seen = series.cut(first, int(origins[-1]))
    at = origins - 1 - first
    values = forward_filled(seen.values)
    level, scale = _levels(seen.values, at)
    last = values[at]
    columns = [
        *_shape(values, at, last, scale),
        *_spread(seen.values, at, level, scale),
        *_again(series, origins, horizon, last, scale),
        *_calendar(seen, at),
        ("line_age", np.minimum(_line_age(values)[at], OLDEST_LINE).astype(np.float64)),
        ("value_age", age_of(~np.isnan(seen.values))[at].astype(np.float64)),
        *_extras(seen, at),
        *(more(series, origins, horizon, last, scale) if more is not None else ()),
    ]
    names = tuple(name for name, _ in columns)
    return Features(names, np.column_stack([column for _, column in columns]), last, scale)


Column = tuple[str, Floats]
Columns = Callable[[Series, Ints, int, Floats, Floats], Iterable[Column]]


def _levels(values: Floats, at: Ints) -> tuple[Floats, Floats]:
    """The mean of the last hour, and what to divide by: never 0."""
    day = trailing_mean(np.abs(values), _DAY)[at]
    level = trailing_mean(values, LEVEL)[at]
    level = np.where(np.isnan(level), day, level)
    scale = np.fmax(np.abs(level), _QUIET * day)
    return level, np.where(scale > 0, scale, 1.0)


def _before(values: Floats, at: Ints, steps: int) -> Floats:
    """The value `steps` earlier; NaN where that lies before the history."""
    return np.where(at >= steps, values[np.maximum(at - steps, 0)], np.nan)


def _shape(values: Floats, at: Ints, last: Floats, scale: Floats) -> Iterator[Column]:
    for lag in LAGS:
        yield f"lag_{lag}", (_before(values, at, lag) - last) / scale
    slope = np.diff(values, prepend=values[:1])
    for steps in DELTAS:
        earlier = _before(slope, at, steps)
        yield f"bend_{steps}", (slope[at] - earlier) / scale


def _spread(values: Floats, at: Ints, level: Floats, scale: Floats) -> Iterator[Column]:
    last = forward_filled(values)[at]
    yield "level", (level - last) / scale
    for width in WINDOWS:
        mean = trailing_mean(values, width)[at]
        square = trailing_mean(values**2, width)[at]
        highest = trailing_max(values, width)[at]
        yield f"mean_{width}", (mean - last) / scale
        yield f"max_{width}", (np.where(np.isfinite(highest), highest, np.nan) - last) / scale
        yield f"std_{width}", np.sqrt(np.maximum(square - mean**2, 0.0)) / scale


def _again(series: Series, origins: Ints, horizon: int, last: Floats, scale: Floats) -> Iterator[Column]:
    """What came about an hour, a day and a week ago, over the steps that are to be forecast now."""
    for seconds in RECURRING:
        steps = round(seconds / series.step)
        if steps < horizon:
            continue
        first = max(int(origins[0]) - steps - LEVEL, 0)
        values = series.values[first : max(int(origins[-1]) - steps + horizon, first)]
        at = origins - 1 - steps - first  # the last step known then
        highest = trailing_max(values, horizon)
        then = _at(np.where(np.isfinite(highest), highest, np.nan), at + horizon, at >= 0)
        yield f"again_{seconds:.0f}", (then - last) / scale
        yield f"rose_{seconds:.0f}", (then - _at(values, at, at >= 0)) / scale
        yield f"level_{seconds:.0f}", (_at(trailing_mean(values, LEVEL), at, at >= 0) - last) / scale


def _at(values: Floats, places: Ints, there: "np.typing.NDArray[np.bool_]") -> Floats:
    """The values at places that are there; NaN at the others."""
    found = np.full(len(places), np.nan)
    found[there] = values[places[there]]
    return found


def _calendar(seen: Series, at: Ints) -> Iterator[Column]:
    """The time at which the forecast begins (UTC), as places on circles."""
    time = seen.start + seen.step * (at + 1)
    for name, period, harmonics in (("hour", 3600.0, 2), ("day", 86_400.0, 3), ("week", 604_800.0, 1)):
        for k in range(1, harmonics + 1):
            angle = 2 * np.pi * k * ((time % period) / period)
            yield f"{name}_sin{k}", np.sin(angle)
            yield f"{name}_cos{k}", np.cos(angle)
    yield "week_day", np.floor(((time / 86_400.0) + 3) % 7)


def _line_age(values: Floats) -> Ints:
    """Steps since the slope last changed: recordings at a coarse step are straight lines in between."""
    slope = np.diff(values, prepend=values[:1])
    bend = np.abs(np.diff(slope, prepend=slope[:1]))
    changed = bend > _STRAIGHT * np.abs(values)
    return age_of(changed)


def _extras(seen: Series, at: Ints) -> Iterator[Column]:
    """Each further column: its newest value and its recent means, in its own unit."""
    for name, column in sorted(seen.extras.items()):
        filled = forward_filled(column)
        yield f"{name}_now", filled[at]
        yield f"{name}_was_{LEVEL}", _before(filled, at, LEVEL)
        for width in WINDOWS[:3]:
            yield f"{name}_mean_{width}", trailing_mean(column, width)[at]
