"""A random forest on features (Breiman 2001): the mean of its trees, and how far they disagree."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from forescale.forecast.learned import FeatureForecaster, Prediction, Predictor, at_least_thin
from forescale.series.regular import Floats

_TREES = 60
_SEED = 7
_LEAST = 0.2  # of how far outcomes differ: trees agree where none of them has seen much


@dataclass(frozen=True)
class Trees:
    """The trees, and the least spread."""

    trees: tuple[Any, ...]
    least: float

    def __call__(self, rows: Floats) -> Prediction:
        """The mean over the trees, and how far they disagree."""
        finite = _finite(rows)
        each = np.column_stack([tree.predict(finite)[:, 0] for tree in self.trees])
        return Prediction(each.mean(axis=1)[:, None], each.std(axis=1) + self.least)


class ForestForecaster(FeatureForecaster):
    """scikit-learn's random forest; the spread of its trees tells where it is unsure."""

    name = "forest"
    extra: ClassVar[str] = "forest"
    rows: ClassVar[int] = 8_000

    def _learn(self, matrix: Floats, target: Floats, weight: Floats) -> Predictor:
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(
            _TREES, min_samples_leaf=8, max_features=0.33, max_samples=0.7, n_jobs=1, random_state=_SEED
        )
        forest.fit(_finite(matrix), target, sample_weight=weight)
        usual = np.average(np.abs(target - np.median(target)), weights=weight)
        return Trees(tuple(tree.tree_ for tree in forest.estimators_), float(at_least_thin(_LEAST * usual)))


def _finite(matrix: Floats) -> "np.typing.NDArray[np.float32]":
    """As single precision, which trees compare; 0, that is "as it is now", for what is absent."""
    return np.clip(np.nan_to_num(matrix), -1e30, 1e30).astype(np.float32)
