"""Models that say: as it was at this time before."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forescale.forecast.periods import learned_period
from forescale.forecast.residuals import PointForecaster, sampled
from forescale.forecast.windows import forward_filled, realised, trailing_max
from forescale.series.regular import Floats, Ints, Series

BACK = 4
"""Periods looked back on until one has a value at this time."""

HIGH = 0.9
"""The quantile of what came about at this time before that is the floor."""

RHYTHMS = ((3600.0, 24), (86_400.0, 14), (604_800.0, 5))
"""What may recur, in seconds, and how many times it is looked at: by the hour, the day, the week."""

AROUND = 120.0
"""Seconds by which a burst may have come earlier or later than now."""

_JUDGED = 4_000  # past moments on which the rhythms are compared


class SeasonalNaiveForecaster(PointForecaster[int]):
    """What came about one period ago; the period is learned."""

    name = "seasonal_naive"

    @property
    def period(self) -> int | None:
        """The learned period in steps, None before there is one."""
        state = self._states.get(self._horizon)
        return state[0] if isinstance(state, tuple) else None

    def _learn(self, series: Series, horizon: int) -> int:
        return learned_period(series)

    def _begins(self, model: int, horizon: int) -> int:
        return _at_least(model, horizon)

    def _points(self, model: int, series: Series, origins: Ints, horizon: int) -> Floats:
        past = _Past(series, origins, BACK * _at_least(model, horizon), horizon)
        found = np.full(len(origins), np.nan)
        for times in range(1, BACK + 1):
            found = np.where(np.isnan(found), past.ago(times * _at_least(model, horizon)), found)
        return np.where(np.isnan(found), past.last(), found)

    def _path(self, state: tuple[int, Floats, float], series: Series, horizon: int) -> Floats:
        return _repeated(series, state[0], horizon)


@dataclass(frozen=True)
class Rhythm:
    """A period in steps, and how many of them are looked at."""

    period: int
    times: int


class SeasonalFloorForecaster(PointForecaster[Rhythm]):
    """A high quantile of what came about at this time of the hour, the day or the week before.

    Which of the three is learned: the one that used to be nearest. A batch every hour, a peak each
    morning and a quiet Sunday are all met before they come.
    """

    name = "seasonal_floor"

    def _learn(self, series: Series, horizon: int) -> Rhythm:
        origins = sampled(np.arange(1, len(series) - horizon + 1), _JUDGED)
        outcome = realised(series.values, origins, horizon)
        best, found = np.inf, Rhythm(1, 1)
        for seconds, times in RHYTHMS:
            rhythm = Rhythm(_at_least(max(round(seconds / series.step), 1), horizon), times)
            loss = _floor_loss(self._points(rhythm, series, origins, horizon), outcome)
            if loss < best:
                best, found = loss, rhythm
        return found

    def _begins(self, model: Rhythm, horizon: int) -> int:
        return model.period

    def _points(self, model: Rhythm, series: Series, origins: Ints, horizon: int) -> Floats:
        around = round(AROUND / series.step) if model.period > horizon + AROUND / series.step else 0
        past = _Past(series, origins, model.period * model.times, horizon, around)
        each = np.column_stack([past.ago(k * model.period) for k in range(1, model.times + 1)])
        floor = _row_quantile(each, HIGH)
        return np.where(np.isnan(floor), past.last(), floor)

    def _path(self, state: tuple[Rhythm, Floats, float], series: Series, horizon: int) -> Floats:
        return _repeated(series, state[0].period, horizon)


class _Past:
    """What came about over the steps that are to be forecast, some steps ago."""

    def __init__(self, series: Series, origins: Ints, reach: int, horizon: int, around: int = 0) -> None:
        first = max(int(origins[0]) - reach - horizon - around, 0)
        self._values = series.values[first : int(origins[-1])]
        self._highest = trailing_max(self._values, horizon + 2 * around)
        self._last = origins - 1 - first
        self._ahead = horizon + around

    def ago(self, steps: int) -> Floats:
        """The maximum of these steps then; NaN where none is known."""
        place = self._last + self._ahead - steps
        found = np.where(place >= 0, self._highest[np.clip(place, 0, len(self._highest) - 1)], np.nan)
        return np.where(np.isfinite(found), found, np.nan)

    def last(self) -> Floats:
        """The newest value."""
        return np.asarray(forward_filled(self._values)[self._last], dtype=np.float64)


def _at_least(period: int, horizon: int) -> int:
    """The least multiple of the period that reaches back over the whole horizon."""
    return period * -(-horizon // period)


def _floor_loss(points: Floats, outcome: Floats) -> float:
    """The pinball loss at `HIGH` of points from which their usual error has been taken."""
    known = ~np.isnan(points) & ~np.isnan(outcome)
    if not np.any(known):
        return float(np.inf)
    off = outcome[known] - points[known]
    off = off - np.quantile(off, HIGH)
    return float(np.mean(np.maximum(HIGH * off, (HIGH - 1) * off)))


def _row_quantile(rows: Floats, share: float) -> Floats:
    """A quantile of the known values of each row, the higher neighbour; NaN where there is none."""
    ordered = np.sort(rows, axis=1)  # NaN come last
    known = np.count_nonzero(~np.isnan(rows), axis=1)
    place = np.maximum(np.ceil(share * known).astype(np.int64) - 1, 0)
    return np.asarray(ordered[np.arange(len(rows)), place], dtype=np.float64)


def _repeated(series: Series, period: int, horizon: int) -> Floats:
    """The steps to come as they were one period ago; the last value where these are absent."""
    steps = np.arange(len(series), len(series) + horizon)
    found = np.full(horizon, np.nan)
    for ago in _multiples(period, horizon):
        then = steps - ago
        value = np.where(then >= 0, series.values[np.maximum(then, 0)], np.nan)
        found = np.where(np.isnan(found), value, found)
    return np.where(np.isnan(found), forward_filled(series.values)[-1], found)


def _multiples(period: int, horizon: int) -> Iterator[int]:
    least = _at_least(period, horizon)
    return (times * least for times in range(1, BACK + 1))
