"""Gradient boosting on features, by LightGBM and by XGBoost: trees for a few quantiles.

Each learns the quantiles at `KNOTS` by their pinball loss; what lies between and beyond is
interpolated and then put right on rows held out.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from forescale.forecast.learned import FeatureForecaster, Prediction, Predictor, from_knots
from forescale.series.regular import Floats

KNOTS = (0.1, 0.5, 0.9, 0.99)
"""The quantiles that trees are grown for."""

_TREES = 120
_RATE = 0.08
_LEAVES = 24
_SEED = 7


@dataclass(frozen=True)
class LightGBMTrees:
    """An ensemble for each knot."""

    boosters: tuple[Any, ...]

    def __call__(self, rows: Floats) -> Prediction:
        """The quantiles of each row."""
        return from_knots(np.column_stack([b.predict(rows, num_threads=1) for b in self.boosters]), KNOTS)


@dataclass(frozen=True)
class XGBoostTrees:
    """One ensemble for all knots."""

    booster: Any

    def __call__(self, rows: Floats) -> Prediction:
        """The quantiles of each row."""
        knots = np.asarray(self.booster.inplace_predict(rows), dtype=np.float64)
        return from_knots(knots.reshape(len(rows), len(KNOTS)), KNOTS)


class LightGBMForecaster(FeatureForecaster):
    """LightGBM: one small ensemble for each knot."""

    name = "lightgbm"
    extra: ClassVar[str] = "lightgbm"
    rows: ClassVar[int] = 15_000

    def _learn(self, matrix: Floats, target: Floats, weight: Floats) -> Predictor:
        import lightgbm

        data = lightgbm.Dataset(matrix, target, weight=weight, params=_LIGHTGBM, free_raw_data=False)
        boosters = [
            lightgbm.train({**_LIGHTGBM, "alpha": knot}, data, num_boost_round=_TREES) for knot in KNOTS
        ]
        return LightGBMTrees(tuple(boosters))


_LIGHTGBM: dict[str, Any] = {
    "objective": "quantile",
    "learning_rate": _RATE,
    "num_leaves": _LEAVES,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "num_threads": 1,
    "seed": _SEED,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}


class XGBoostForecaster(FeatureForecaster):
    """XGBoost: one ensemble that holds trees for every knot."""

    name = "xgboost"
    extra: ClassVar[str] = "xgboost"
    rows: ClassVar[int] = 15_000

    def _learn(self, matrix: Floats, target: Floats, weight: Floats) -> Predictor:
        import xgboost

        data = xgboost.QuantileDMatrix(matrix, target, weight=weight, nthread=1, max_bin=64)
        booster = xgboost.train(_XGBOOST, data, num_boost_round=_TREES)
        return XGBoostTrees(booster)


_XGBOOST: dict[str, Any] = {
    "objective": "reg:quantileerror",
    "quantile_alpha": list(KNOTS),
    "tree_method": "hist",
    "max_bin": 64,
    "learning_rate": _RATE,
    "max_depth": 0,
    "max_leaves": _LEAVES,
    "grow_policy": "lossguide",
    "min_child_weight": 20,
    "subsample": 0.7,
    "colsample_bytree": 0.6,
    "nthread": 1,
    "seed": _SEED,
    "verbosity": 0,
}
