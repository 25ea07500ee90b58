"""A quantile forest: not the mean of a leaf, but all that came about in it.

Extremely randomised trees (Geurts, Ernst and Wehenkel, Machine Learning 63, 2006) whose leaves keep
the distribution of their outcomes (Meinshausen, JMLR 7, 2006). Bursts that come or do not come give
two peaks with nothing in between; a mean and a spread cannot say that, the outcomes can.

Two forests speak with half the weight each: one of outcomes as they are, good where load jumps, and
one of what a ridge regression leaves over, good where it flows. What came about anywhere has a small
share of the weight: the forest has not seen everything.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from forescale.forecast.base import LEVELS, BaseForecaster, cannot_import
from forescale.forecast.features import Features, features
from forescale.forecast.learned import Linear, aligned, examples, path_lines
from forescale.forecast.recurrence import recurring
from forescale.model.forecast import NotReady
from forescale.series.regular import Floats, Ints, Series

_TREES = 20
_LEAVES = 1000
_LEAST = 10  # rows in a leaf
_COLUMNS = 0.6  # share of the columns tried at a split
_ROWS = 0.5  # share of the rows that a tree grows on
_BINS = 60  # equal shares of the lower 90 % of outcomes;
_TAIL = 68  # as many again above, ever finer
_ANYWHERE = 0.03  # weight of the outcomes of all rows together
_SEED = 11
_PHASES = 6  # places on a straight line that have a regression of their own
_FEW = 300  # rows below which they share one
_LOW, _HIGH = -2.0, 8.0  # between which a regression is believed, in units of the level
_ROUNDING = 1e-6  # shares are in single precision
_AT_ONCE = 4096  # rows whose distributions are in memory at one time

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Leaves:
    """Trees, and the distribution of the outcomes in each of their leaves.

    `shares` (trees, leaves, bins) sum to 1 in each leaf; `number` (trees, nodes) numbers the
    leaves; a bin's outcomes are at most its `edges`.
    """

    trees: tuple[Any, ...]
    number: NDArray[np.int32]
    shares: NDArray[np.float32]
    edges: Floats
    anywhere: NDArray[np.float32]

    def __call__(self, rows: Rows) -> NDArray[np.float32]:
        """The share of each bin (n, bins)."""
        found = np.zeros((len(rows), len(self.edges)), dtype=np.float32)
        for place, tree in enumerate(self.trees):
            found += self.shares[place, self.number[place, tree.apply(rows)]]
        return (1 - _ANYWHERE) * found / len(self.trees) + _ANYWHERE * self.anywhere


@dataclass(frozen=True)
class Lines:
    """A ridge regression for each place on a straight line of the recording."""

    phases: tuple[Linear, ...]

    def __call__(self, matrix: Floats, phase: Ints) -> Floats:
        """Predictions (n,)."""
        found = np.zeros(len(matrix))
        for place, line in enumerate(self.phases):
            if np.any(rows := phase == place):
                found[rows] = line(matrix[rows])
        # One row is summed up in another order than many: without rounding they would differ.
        return np.asarray(np.round(np.clip(found, _LOW, _HIGH), 6), dtype=np.float64)


@dataclass(frozen=True)
class Grown:
    """What was learned: the columns' names, the two forests, the regression between them, the path."""

    names: tuple[str, ...]
    direct: Leaves
    left_over: Leaves
    lines: Lines
    path: Linear


class QuantileForestForecaster(BaseForecaster[Grown]):
    """Forecasts whole distributions; the default model."""

    name = "quantile_forest"
    needs: ClassVar[int] = 1440
    rows: ClassVar[int] = 14_000

    def _train(self, series: Series, horizon: int) -> Grown | NotReady:
        origins, target = examples(series, horizon, self.rows)
        if len(origins) < _FEW:
            return NotReady(
                f"{self.name} needs {_FEW} moments with a known outcome to learn from, has {len(origins)}"
            )
        seen = _features(series, origins, horizon)
        outcome, phase = (target - seen.last) / seen.scale, _phase(seen)
        lines = _regress(seen.matrix, outcome, phase)
        middle = lines(seen.matrix, phase)
        try:
            direct = _grow(_finite(seen.matrix), outcome)
            left_over = _grow(_finite(seen.matrix, middle), outcome - middle)
        except (ImportError, OSError) as error:
            return cannot_import(error, "forest")
        return Grown(seen.names, direct, left_over, lines, path_lines(series, origins, seen, horizon))

    def _quantiles(self, state: Grown, series: Series, origins: Ints, horizon: int) -> Floats:
        seen = _features(series, origins, horizon)
        matrix, phase = aligned(seen, state.names), _phase(seen)
        relative = np.empty((len(origins), len(LEVELS)))
        for first in range(0, len(origins), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            relative[some] = _mixed(state, matrix[some], phase[some])
        return seen.last[:, None] + seen.scale[:, None] * relative

    def _path(self, state: Grown, series: Series, horizon: int) -> Floats:
        seen = _features(series, np.array([len(series)]), horizon)
        return np.asarray(seen.last + seen.scale * state.path(aligned(seen, state.names))[0])


def _features(series: Series, origins: Ints, horizon: int) -> Features:
    """The features of all learning models, and what comes again."""
    return features(series, origins, horizon, more=recurring)


def _phase(seen: Features) -> Ints:
    """How far the newest value is along a straight line: 0 just after a bend."""
    age = seen.matrix[:, seen.names.index("line_age")]
    return np.minimum(age, _PHASES - 1).astype(np.int64)


def _regress(matrix: Floats, outcome: Floats, phase: Ints) -> Lines:
    lines = []
    for place in range(_PHASES):
        rows = phase == place
        rows = rows if np.count_nonzero(rows) >= _FEW else np.ones(len(phase), dtype=bool)
        lines.append(Linear(matrix[rows], outcome[rows], np.ones(np.count_nonzero(rows))))
    return Lines(tuple(lines))


def _grow(rows: Rows, outcome: Floats) -> Leaves:
    from sklearn.ensemble import ExtraTreesRegressor

    forest = ExtraTreesRegressor(
        _TREES,
        max_leaf_nodes=_LEAVES,
        min_samples_leaf=_LEAST,
        max_features=_COLUMNS,
        bootstrap=True,
        max_samples=_ROWS,
        n_jobs=1,
        random_state=_SEED,
    )
    forest.fit(rows, outcome)
    trees = tuple(estimator.tree_ for estimator in forest.estimators_)
    edges = _edges(outcome)
    bins = np.searchsorted(edges, outcome, side="left")
    number = np.zeros((len(trees), max(tree.node_count for tree in trees)), dtype=np.int32)
    shares = np.zeros((len(trees), max(tree.n_leaves for tree in trees), len(edges)), dtype=np.float32)
    for place, tree in enumerate(trees):
        leaves = np.flatnonzero(tree.children_left == -1)
        number[place, leaves] = np.arange(len(leaves))
        np.add.at(shares[place], (number[place, tree.apply(rows)], bins), 1.0)
    shares /= np.maximum(shares.sum(axis=2, keepdims=True), 1.0)
    anywhere = (np.bincount(bins, minlength=len(edges)) / len(bins)).astype(np.float32)
    return Leaves(trees, number, shares, edges, anywhere)


def _edges(outcome: Floats) -> Floats:
    """Bin edges at quantiles of the outcomes, the last one their largest; finer the higher."""
    low = np.linspace(0.0, 0.9, _BINS)
    high = 1 - np.geomspace(0.1, 1 / len(outcome), _TAIL)
    return np.unique(np.quantile(outcome, np.concatenate((low, high, [1.0]))))


def _mixed(state: Grown, matrix: Floats, phase: Ints) -> Floats:
    """Quantiles at `LEVELS` of the two forests' distributions together, relative to the last value."""
    middle = state.lines(matrix, phase)
    direct, left_over = state.direct(_finite(matrix)), state.left_over(_finite(matrix, middle))
    values = np.concatenate(
        (
            np.broadcast_to(state.direct.edges, direct.shape),
            middle[:, None] + state.left_over.edges,
        ),
        axis=1,
    )
    order = np.argsort(values, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    shares = np.take_along_axis(np.concatenate((direct, left_over), axis=1), order, axis=1)
    total = np.cumsum(shares, axis=1, dtype=np.float64) / 2
    places = (total[:, None, :] < np.array(LEVELS)[:, None] - _ROUNDING).sum(axis=2)
    return np.take_along_axis(values, np.minimum(places, values.shape[1] - 1), axis=1)


def _finite(matrix: Floats, column: Floats | None = None) -> Rows:
    """In single precision, which trees compare, absence far from all else; with a column more."""
    rows = np.clip(np.nan_to_num(matrix, nan=-9.0), -1e30, 1e30).astype(np.float32)
    return rows if column is None else np.column_stack((rows, column.astype(np.float32)))
