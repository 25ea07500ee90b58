"""MSTL (Bandara, Hyndman and Bergmeir 2021) with ETS: seasons taken off, the rest smoothed.

statsforecast decomposes means of a few minutes into a day, a week and a rest. To the values
less these seasons, as they were in the last day and the last week, it fits an exponential
smoothing with or without a trend (Hyndman et al. 2008). The forecast is what the rest becomes,
plus the seasons.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from forescale.forecast.base import cannot_import
from forescale.forecast.blocks import BURN_IN, FEW, block_maxima, blocks_until, chunks
from forescale.forecast.quiet import quiet
from forescale.forecast.residuals import PointForecaster
from forescale.model.forecast import NotReady
from forescale.model.settings import format_duration
from forescale.series.regular import Floats, Ints, Series

_BLOCK = 300.0  # seconds of which the means are decomposed: seasons of single minutes are noise
_WEEKS = 4  # of history are decomposed
_JUMP = 30  # blocks between the points at which trends are smoothed; between them they are straight


@dataclass(frozen=True)
class Smoothing:
    """Seasons by the step since the epoch (each its own circle), and how the rest is smoothed."""

    scale: float
    seasons: tuple[Floats, ...]
    alpha: float
    beta: float = 0.0
    phi: float = 1.0

    def season(self, time: Ints) -> Floats:
        """The sum of the seasons at times in steps since the epoch."""
        total = np.zeros(np.shape(time))
        for circle in self.seasons:
            total += circle[time % len(circle)]
        return total


class MstlForecaster(PointForecaster[Smoothing]):
    """Seasons of a day and, with two weeks of history, of a week; and exponential smoothing."""

    name = "mstl"
    needs: ClassVar[int] = 3600
    learns: ClassVar[bool] = True

    def _learn(self, series: Series, horizon: int) -> Smoothing | NotReady:
        day = round(86_400 / series.step)
        values = block_maxima(series.tail(_WEEKS * 7 * day), 1)
        width = _block(day, round(_BLOCK / series.step))
        periods = [p for p in (day, 7 * day) if p > width and len(values) >= 2 * p]
        if not periods:
            return NotReady(f"mstl needs two days of load, has {format_duration(len(series) * series.step)}")
        scale = float(np.mean(np.abs(values))) or 1.0
        if np.ptp(values) <= 1e-9 * scale:
            return Smoothing(scale, (), alpha=1.0)
        try:
            return _fitted(values / scale, periods, width, scale, round(series.end / series.step))
        except (ImportError, OSError) as error:
            return cannot_import(error, "arima")
        except Exception as error:  # noqa: BLE001 - the library raises bare Exceptions where nothing fits
            return NotReady(f"no smoothing could be fitted: {error}")

    def _points(self, model: Smoothing, series: Series, origins: Ints, horizon: int) -> Floats:
        values = block_maxima(series, 1)
        return np.concatenate(
            [_ahead(model, values, series, part, horizon).max(axis=1) for part in chunks(origins, horizon)]
        )

    def _path(self, state: tuple[Smoothing, Floats, float], series: Series, horizon: int) -> Floats:
        now = np.array([len(series)])
        return np.asarray(_ahead(state[0], block_maxima(series, 1), series, now, horizon)[0])


def _block(day: int, most: int) -> int:
    """Steps of a block: a whole number of them makes a day."""
    return next((width for width in range(min(most, day), 0, -1) if day % width == 0), 1)


def _fitted(values: Floats, periods: list[int], width: int, scale: float, end: int) -> Smoothing:
    """Seasons of the values, which end at the step `end` since the epoch, and the smoothing of the rest."""
    from statsforecast.ets import ets_f
    from statsforecast.mstl import mstl

    whole = values[len(values) % width :]
    blocks = whole.reshape(-1, width).mean(axis=1)
    counts = [period // width for period in periods]
    with quiet():
        parts = mstl(blocks, counts, stl_kwargs={"trend_jump": _JUMP, "low_pass_jump": _JUMP})
        names = ["seasonal"] if len(counts) == 1 else [f"seasonal{count}" for count in counts]
        found = [
            np.asarray(parts[name], dtype=np.float64)[-count:]
            for name, count in zip(names, counts, strict=True)
        ]
        circles = tuple(_circle(season, width, end) for season in found)
        seasons = Smoothing(scale, circles, alpha=1.0)
        newest = values[-FEW:]
        rest = newest - seasons.season(end - np.arange(len(newest), 0, -1))
        smooth = ets_f(rest, m=1, model="AZN")  # type: ignore[no-untyped-call]
    return _smoothing(smooth, circles, scale)


def _smoothing(smooth: Any, circles: tuple[Floats, ...], scale: float) -> Smoothing:
    alpha, beta, _, phi = (float(value) for value in smooth["par"][:4])
    if smooth["components"][1] != "A":
        return Smoothing(scale, circles, alpha)
    return Smoothing(scale, circles, alpha, beta, phi if np.isfinite(phi) else 1.0)


def _circle(season: Floats, width: int, end: int) -> Floats:
    """One cycle of blocks up to the step `end`, as a value for each step since the epoch modulo the cycle."""
    period = len(season) * width
    middle = end - width * np.arange(len(season), 0, -1) + (width - 1) / 2
    order = np.argsort(middle % period)
    circle = np.interp(np.arange(period), (middle % period)[order], season[order], period=period)
    return np.asarray(circle, dtype=np.float64)


def _ahead(model: Smoothing, values: Floats, series: Series, origins: Ints, horizon: int) -> Floats:
    """Forecasts of the steps after each origin, shape (len(origins), horizon).

    level = l + phi b + alpha e, trend = phi b + beta e, e being what the next value of the rest
    was beyond l + phi b.
    """
    now = round(series.start / series.step) + origins[:, None]
    seen = blocks_until(values, origins, 1, BURN_IN) / model.scale
    rest = seen - model.season(now - np.arange(BURN_IN, 0, -1))
    level, trend = rest.mean(axis=1), np.zeros(len(rest))
    for t in range(1, BURN_IN):
        error = rest[:, t] - level - model.phi * trend
        level = level + model.phi * trend + model.alpha * error
        trend = model.phi * trend + model.beta * error
    steps = np.arange(1, horizon + 1)
    growth = np.cumsum(model.phi**steps)
    ahead: Floats = level[:, None] + growth * trend[:, None] + model.season(now + steps - 1)
    return np.nan_to_num(ahead * model.scale, nan=0.0, posinf=1e300, neginf=-1e300)
