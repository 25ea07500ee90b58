"""Ridge regression on features: little to learn, quickly learned, hard to fool."""

from typing import ClassVar

import numpy as np

from forescale.forecast.learned import FeatureForecaster, Linear, Prediction, Predictor, at_least_thin
from forescale.series.regular import Floats


class RidgeForecaster(FeatureForecaster):
    """A line for the maximum, and a second one for how far the first is usually off."""

    name = "ridge"
    needs: ClassVar[int] = 360

    def _learn(self, matrix: Floats, target: Floats, weight: Floats) -> Predictor:
        centre = Linear(matrix, target, weight)
        off = np.abs(target - centre(matrix))
        spread = Linear(matrix, off, weight)
        least = at_least_thin(np.array(0.1 * np.average(off, weights=weight)))
        return lambda rows: Prediction(centre(rows)[:, None], np.maximum(spread(rows), least))
