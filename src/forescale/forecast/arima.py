"""ARIMA (Box and Jenkins 1970): the order selected rarely, refitted often, by statsforecast.

The order is chosen by the corrected information criterion in a stepwise search (Hyndman and
Khandakar 2008) and kept for a week of history; the coefficients are estimated at each fit by
the conditional sum of squares. Forecasts are made here, from the coefficients.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from forescale.forecast.base import cannot_import
from forescale.forecast.blocks import BURN_IN, FEW, block_maxima, block_width, blocks_until, chunks
from forescale.forecast.quiet import quiet
from forescale.forecast.residuals import PointForecaster
from forescale.model.forecast import NotReady
from forescale.series.regular import Floats, Ints, Series

RESELECT = 7 * 1440
"""Steps of history after which the order is selected anew."""

Order = tuple[int, int, int]

_MOST = {"max_p": 3, "max_q": 3, "max_order": 4, "max_d": 1}
_WALK: Order = (0, 1, 0)


@dataclass(frozen=True)
class Arima:
    """An ARIMA(p, d, q) of the maxima of blocks of `width` steps, relative to `scale`."""

    width: int
    scale: float
    ar: tuple[float, ...] = ()
    ma: tuple[float, ...] = ()
    d: int = 1
    mean: float = 0.0


class ArimaForecaster(PointForecaster[Arima]):
    """ARIMA of the newest `FEW` steps; without seasons, which have models of their own."""

    name = "arima"
    needs: ClassVar[int] = 240
    learns: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._selected: dict[int, tuple[float, Order]] = {}  # width -> (when, order)

    def _learn(self, series: Series, horizon: int) -> Arima | NotReady:
        width = block_width(horizon)
        count = min(FEW, len(series) // width)
        blocks = blocks_until(block_maxima(series, width), np.array([len(series)]), width, count)[0]
        scale = float(np.mean(np.abs(blocks))) or 1.0
        if np.ptp(blocks) <= 1e-9 * scale:
            return Arima(width, scale)
        try:
            return self._fitted_to(blocks / scale, width, scale, series)
        except (ImportError, OSError) as error:
            return cannot_import(error, "arima")
        except Exception as error:  # noqa: BLE001 - the library raises bare Exceptions where nothing fits
            return NotReady(f"no ARIMA could be fitted: {error}")

    def _fitted_to(self, blocks: Floats, width: int, scale: float, series: Series) -> Arima:
        from statsforecast import arima

        with quiet():
            order = self._order(arima, blocks, width, series)
            if order == _WALK:
                return Arima(width, scale)
            found = arima.arima(blocks, order=order, method="CSS")["coef"]
        ar = tuple(float(found[f"ar{i + 1}"]) for i in range(order[0]))
        ma = tuple(float(found[f"ma{i + 1}"]) for i in range(order[2]))
        return Arima(width, scale, ar, ma, order[1], float(found.get("intercept", 0.0)))

    def _order(self, arima: Any, blocks: Floats, width: int, series: Series) -> Order:
        """The order kept, or selected anew where it was selected a week away from this history's end."""
        when, order = self._selected.get(width, (-np.inf, _WALK))
        if abs(series.end - when) >= RESELECT * series.step:
            found = arima.auto_arima_f(blocks, seasonal=False, approximation=True, allowdrift=False, **_MOST)
            order = (int(found["arma"][0]), int(found["arma"][5]), int(found["arma"][1]))
            self._selected[width] = (series.end, order)
        return order

    def _points(self, model: Arima, series: Series, origins: Ints, horizon: int) -> Floats:
        maxima = block_maxima(series, model.width)
        steps = -(-horizon // model.width)
        parts = [
            _ahead(model, blocks_until(maxima, part, model.width, BURN_IN), steps)
            for part in chunks(origins, steps)
        ]
        return np.asarray(np.concatenate(parts).max(axis=1), dtype=np.float64)

    def _path(self, state: tuple[Arima, Floats, float], series: Series, horizon: int) -> Floats:
        model = state[0]
        blocks = blocks_until(
            block_maxima(series, model.width), np.array([len(series)]), model.width, BURN_IN
        )
        path = _ahead(model, blocks, -(-horizon // model.width))[0]
        return np.repeat(path, model.width)[:horizon]


def _ahead(model: Arima, blocks: Floats, steps: int) -> Floats:
    """Forecasts (n, steps) of the blocks that follow `blocks` (n, count).

    With w the d-th difference less the mean: w_t = sum ar_i w_(t-i) + e_t + sum ma_j e_(t-j),
    the shocks e being 0 before the first block and after the last.
    """
    relative = blocks / model.scale
    wave = (np.diff(relative, n=model.d, axis=1) if model.d else relative) - model.mean
    total = wave.shape[1]
    wave = np.concatenate((wave, np.zeros((len(wave), steps))), axis=1)
    shocks = np.zeros_like(wave)
    for t in range(max(len(model.ar), len(model.ma)), total + steps):
        said = sum((a * wave[:, t - i - 1] for i, a in enumerate(model.ar)), np.zeros(len(wave)))
        said = sum((m * shocks[:, t - j - 1] for j, m in enumerate(model.ma)), said)
        if t < total:
            shocks[:, t] = wave[:, t] - said
        else:
            wave[:, t] = said
    ahead = wave[:, total:] + model.mean
    if model.d:
        ahead = relative[:, -1:] + np.cumsum(ahead, axis=1)
    return np.nan_to_num(ahead * model.scale, nan=0.0, posinf=1e300, neginf=-1e300)
