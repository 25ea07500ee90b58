"""What the models that learn from features share: rows to learn from, rows to be judged on, quantiles.

The target is how far the maximum of the next steps is above the last value, relative to the
level. A model gives centres (one for each level, or one for all) and a spread; quantiles are
centre + spread x the conformal quantile of (outcome - centre) / spread on rows that it has not
learned from (Lei et al., JASA 113, 2018, sec. 5.2; for quantile models Romano et al., NeurIPS 2019).
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forescale.forecast.base import LEVELS, STALE, BaseForecaster, cannot_import
from forescale.forecast.features import Features, features
from forescale.forecast.residuals import ENOUGH, error_quantiles, sampled
from forescale.forecast.windows import age_of, realised
from forescale.model.forecast import NotReady
from forescale.series.regular import Floats, Ints, Series

WINDOW = 35 * 1440
"""Steps of history that are learned from: five weeks of minutes."""

Bools = NDArray[np.bool_]

_BLOCKS, _HELD_OUT = 15, (2, 7, 12)  # a fifth of the time, in blocks, the newest not among them
_FIRST = 120  # steps before the first row: a feature or two should be there
_CELLS = 4_000_000  # rows x steps of the path that are solved for at once, which bounds memory
_RIDGE = 1e-2  # penalty, as a share of the rows; the columns are standardised
_FAR = 6.0  # standard deviations beyond which a column tells a linear model no more
_THIN = 1e-6  # the smallest spread, relative to the level


@dataclass(frozen=True)
class Prediction:
    """`centre` (n, len(LEVELS)) or (n, 1), and `spread` (n,), relative to last value and level."""

    centre: Floats
    spread: Floats


class Predictor(Protocol):
    """What a model has learned: rows of features in, predictions out. It can be pickled."""

    def __call__(self, rows: Floats) -> Prediction:
        """A prediction for each row (n, columns); NaN where a feature is absent."""
        ...


@dataclass(frozen=True)
class Learned:
    """A trained model: the columns it knows, what it predicts, its errors, and lines for the path."""

    names: tuple[str, ...]
    predict: Predictor
    errors: Floats
    path: "Linear"


class FeatureForecaster(BaseForecaster[Learned]):
    """A model that learns from features; `rows` bounds what it learns from, hence time and memory."""

    needs: ClassVar[int] = 1440
    extra: ClassVar[str]
    """What to install for it: `pip install forescale[extra]`."""
    rows: ClassVar[int] = 20_000

    def _features(self, series: Series, origins: Ints, horizon: int) -> Features:
        """What it looks at; a model may look at more."""
        return features(series, origins, horizon)

    @abstractmethod
    def _learn(self, matrix: Floats, target: Floats, weight: Floats) -> Predictor:
        """A predictor out of rows (n, columns), what came of them (n,), and how much each counts.

        Raises `ImportError` or `OSError` where its library is not there.
        """

    def _train(self, series: Series, horizon: int) -> Learned | NotReady:
        origins, target = examples(series, horizon, self.rows)
        if len(origins) < 10 * ENOUGH:
            return NotReady(
                f"{self.name} needs {10 * ENOUGH} moments with a known hour before and outcome after, "
                f"has {len(origins)}"
            )
        seen = self._features(series, origins, horizon)
        relative, held_out = (target - seen.last) / seen.scale, _held_out(origins)
        weight = seen.scale / np.mean(seen.scale)
        if not np.any(relative):
            return Learned(
                seen.names, _still, np.zeros(len(LEVELS)), path_lines(series, origins, seen, horizon)
            )
        try:
            predict = self._learn(seen.matrix[~held_out], relative[~held_out], weight[~held_out])
        except (ImportError, OSError) as error:
            return cannot_import(error, self.extra)
        errors = _errors(predict(seen.matrix[held_out]), relative[held_out])
        return Learned(seen.names, predict, errors, path_lines(series, origins, seen, horizon))

    def _quantiles(self, state: Learned, series: Series, origins: Ints, horizon: int) -> Floats:
        seen = self._features(series, origins, horizon)
        found = state.predict(aligned(seen, state.names))
        relative = found.centre + found.spread[:, None] * state.errors
        return seen.last[:, None] + seen.scale[:, None] * relative

    def _path(self, state: Learned, series: Series, horizon: int) -> Floats:
        seen = self._features(series, np.array([len(series)]), horizon)
        return np.asarray(seen.last + seen.scale * state.path(aligned(seen, state.names))[0])


def _still(rows: Floats) -> Prediction:
    """What is learned from a load that never changed, which trains nothing well."""
    return Prediction(np.zeros((len(rows), 1)), np.ones(len(rows)))


def examples(series: Series, horizon: int, rows: int) -> tuple[Ints, Floats]:
    """Moments to learn from, and the maximum that came about after each."""
    first = max(_FIRST, len(series) - WINDOW)
    origins = np.arange(first, max(len(series) - horizon + 1, first))
    fresh = age_of(~np.isnan(series.values))[origins - 1] < STALE
    target = realised(series.values, origins, horizon)
    usable = origins[fresh & ~np.isnan(target)]
    chosen = sampled(usable, rows)
    return chosen, target[chosen - first]


def _held_out(origins: Ints) -> Bools:
    """Which rows only judge: whole blocks of time, for neighbours are much alike."""
    blocks = np.arange(len(origins)) * _BLOCKS // len(origins)
    return np.isin(blocks, _HELD_OUT)


def _errors(found: Prediction, outcome: Floats) -> Floats:
    """The conformal quantile of each level's own errors, in spreads."""
    errors = (outcome[:, None] - found.centre) / found.spread[:, None]
    each = np.stack([error_quantiles(column) for column in errors.T], axis=1)
    return np.asarray(np.diagonal(each) if each.shape[1] > 1 else each[:, 0], dtype=np.float64)


def aligned(seen: Features, names: tuple[str, ...]) -> Floats:
    """The columns that the model knows, in its order; NaN for those that are not there now."""
    if seen.names == names:
        return seen.matrix
    place = {name: i for i, name in enumerate(seen.names)}
    absent = np.full(len(seen.last), np.nan)
    return np.column_stack([seen.matrix[:, place[n]] if n in place else absent for n in names])


def at_least_thin(spread: ArrayLike) -> Floats:
    """A spread that can be divided by."""
    return np.maximum(np.asarray(spread, dtype=np.float64), _THIN)


class Linear:
    """Ridge regression of one or more targets on standardised columns; absent ones are at their mean.

    A column tells no more than the furthest that was learned from: a line goes wrong beyond its data.

    w = (X'DX + penalty)^-1 X'Dy with D the weights (Hoerl and Kennard 1970).
    """

    def __init__(self, matrix: Floats, targets: Floats, weight: Floats) -> None:
        with np.errstate(all="ignore"):
            counted = np.where(np.isnan(matrix), np.nan, weight[:, None])
            total = np.maximum(np.nansum(counted, axis=0), 1e-300)
            self._mean = np.nansum(matrix * counted, axis=0) / total
            deviation = np.sqrt(np.nansum((matrix - self._mean) ** 2 * counted, axis=0) / total)
        self._deviation = np.where(deviation > 1e-12, deviation, np.inf)
        self._low, self._high = np.full(len(total), -_FAR), np.full(len(total), _FAR)
        columns = self._standardised(matrix)
        self._low, self._high = columns.min(axis=0), columns.max(axis=0)
        heavy = columns * weight[:, None]
        square = heavy.T @ columns + _RIDGE * len(columns) * np.eye(columns.shape[1])
        self._base = np.average(targets, axis=0, weights=weight)
        self._slopes = np.linalg.solve(square, heavy.T @ (targets - self._base))

    def __call__(self, matrix: Floats) -> Floats:
        """Predictions, shape (n,) or (n, targets)."""
        return np.asarray(self._base + self._standardised(matrix) @ self._slopes, dtype=np.float64)

    def _standardised(self, matrix: Floats) -> Floats:
        standard: Floats = np.nan_to_num((matrix - self._mean) / self._deviation)
        return np.clip(standard, self._low, self._high)


def path_lines(series: Series, origins: Ints, seen: Features, horizon: int) -> Linear:
    """A line for each step of the path: cheap, and good enough to look at."""
    steps = origins[:, None] + np.arange(horizon)
    few = slice(None, None, max(len(origins) * horizon // _CELLS + 1, 1))
    ahead = (series.values[steps[few]] - seen.last[few, None]) / seen.scale[few, None]
    weight = seen.scale[few] / np.mean(seen.scale[few])
    return Linear(seen.matrix[few], np.nan_to_num(ahead), weight)


def from_knots(found: Floats, knots: tuple[float, ...]) -> Prediction:
    """Quantiles at all levels from `found` (n, len(knots)), those at a few; they may cross.

    The spread is from the first knot to the last but one, which is better known than the last.
    """
    ordered = np.sort(found, axis=1)
    return Prediction(ordered @ _between(knots), at_least_thin(ordered[:, -2] - ordered[:, 0]))


@cache
def _between(knots: tuple[float, ...]) -> Any:
    """The matrix (len(knots), len(LEVELS)) that turns quantiles at the knots into those at `LEVELS`.

    Linear in the normal distribution's own quantiles, beyond the outer knots as well.
    """
    at = np.array([NormalDist().inv_cdf(p) for p in knots])
    weights = np.zeros((len(knots), len(LEVELS)))
    for column, p in enumerate(LEVELS):
        z = NormalDist().inv_cdf(p)
        left = int(np.clip(np.searchsorted(at, z) - 1, 0, len(at) - 2))
        share = (z - at[left]) / (at[left + 1] - at[left])
        weights[left, column], weights[left + 1, column] = 1 - share, share
    return weights
