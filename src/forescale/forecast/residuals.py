"""Quantiles out of a single number, from how far such numbers were off before.

Split conformal prediction (Vovk et al. 2005; Lei et al., JASA 113, 2018): the quantile at p of
n past errors is the one of rank ceil((n + 1) p), which covers with probability p or more where
errors come in no particular order. Errors are relative, so that they hold at another level too.
"""

from abc import abstractmethod
from typing import ClassVar, Generic, TypeVar

import numpy as np

from forescale.forecast.base import LEVELS, BaseForecaster
from forescale.forecast.windows import realised
from forescale.model.forecast import NotReady
from forescale.series.regular import Floats, Ints, Series

SAMPLE = 20_000
"""At most so many past moments are judged; of more, some are drawn, always the same ones."""

JUDGED = 14 * 1440
"""The newest steps of history on which a model is judged."""

ENOUGH = 30
"""Past errors below which there is no telling how far a forecast is off."""

_SMALL = 0.02  # errors of a forecast near 0 are relative to this share of the usual level
_SEED = 20
_JUDGED = 0.2  # of the history is kept for judging a model that learns

Model = TypeVar("Model")


def error_quantiles(errors: Floats) -> Floats:
    """The conformal quantiles at `LEVELS` of errors, shape (len(LEVELS),); symmetric in rank."""
    ordered = np.sort(errors)
    ranks = np.array(LEVELS) * (len(errors) + 1)
    places = np.where(np.array(LEVELS) < 0.5, np.floor(ranks), np.ceil(ranks)).astype(np.int64) - 1
    return np.asarray(ordered[np.clip(places, 0, len(errors) - 1)], dtype=np.float64)


def sampled(origins: Ints, limit: int = SAMPLE) -> Ints:
    """At most `limit` of the origins, ascending; drawn, for a stride could meet the same hours only."""
    if len(origins) <= limit:
        return origins
    drawn = np.random.default_rng(_SEED).choice(len(origins), limit, replace=False)
    return np.asarray(origins[np.sort(drawn)], dtype=np.int64)


class PointForecaster(BaseForecaster[tuple[Model, Floats, float]], Generic[Model]):
    """A model that gives one number; its past relative errors make quantiles of it."""

    learns: ClassVar[bool] = False
    """Whether it fits itself to the history: it is then judged on a newest part that it has not seen."""

    @abstractmethod
    def _learn(self, series: Series, horizon: int) -> Model | NotReady:
        """What the number is made with."""

    @abstractmethod
    def _points(self, model: Model, series: Series, origins: Ints, horizon: int) -> Floats:
        """The number for each origin; NaN where there is none."""

    def _begins(self, model: Model, horizon: int) -> int:
        """The first origin at which it is more than a makeshift, for it to be judged fairly."""
        return 1

    def _train(self, series: Series, horizon: int) -> tuple[Model, Floats, float] | NotReady:
        split = len(series) - min(int(_JUDGED * len(series)), JUDGED) if self.learns else len(series)
        model = self._learn(series.cut(0, split), horizon)
        if isinstance(model, NotReady):
            return model
        first = split if self.learns else max(len(series) - JUDGED, 1)
        begins = self._begins(model, horizon)
        first = max(first, begins) if len(series) - begins - horizon >= 10 * ENOUGH else first
        origins = sampled(np.arange(first, max(len(series) - horizon + 1, first)))
        points = self._points(model, series, origins, horizon)
        small = _SMALL * float(np.nanmean(np.abs(series.values)))
        errors = (realised(series.values, origins, horizon) - points) / _size(points, small)
        errors = errors[~np.isnan(errors)]
        if len(errors) < ENOUGH:
            return NotReady(
                f"{self.name} needs {ENOUGH} past forecasts to judge itself by, has {len(errors)}"
            )
        final = self._learn(series, horizon) if self.learns else model
        return final if isinstance(final, NotReady) else (final, error_quantiles(errors), small)

    def _quantiles(
        self, state: tuple[Model, Floats, float], series: Series, origins: Ints, horizon: int
    ) -> Floats:
        model, errors, small = state
        points = self._points(model, series, origins, horizon)
        return points[:, None] + _size(points, small)[:, None] * errors


def _size(points: Floats, small: float) -> Floats:
    """What an error is relative to."""
    return np.maximum(np.abs(points), small) if small > 0 else np.maximum(np.abs(points), 1.0)
