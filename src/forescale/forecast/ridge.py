"""Ridge regression on features: little to learn, quickly learned, hard to fool."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from forescale.forecast.learned import FeatureForecaster, Linear, Prediction, Predictor, at_least_thin
from forescale.series.regular import Floats

_LEAST = 0.1  # of the usual error: it is never thought to be more certain than that


@dataclass(frozen=True)
class RidgeLines:
    """The two lines, and the least error that the second may tell."""

    centre: Linear
    spread: Linear
    least: float

    def __call__(self, rows: Floats) -> Prediction:
        """The first line, and the second where it is not too low."""
        return Prediction(self.centre(rows)[:, None], np.maximum(self.spread(rows), self.least))


class RidgeForecaster(FeatureForecaster):
    """A line for the maximum, and a second one for how far the first is usually off."""

    name = "ridge"
    needs: ClassVar[int] = 360

    def _learn(self, matrix: Floats, target: Floats, weight: Floats) -> Predictor:
        centre = Linear(matrix, target, weight)
        off = np.abs(target - centre(matrix))
        spread = Linear(matrix, off, weight)
        return RidgeLines(centre, spread, float(at_least_thin(_LEAST * np.average(off, weights=weight))))
