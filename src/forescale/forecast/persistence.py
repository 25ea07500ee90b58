"""The simplest models: it stays as it is; it becomes what it recently was."""

import numpy as np

from forescale.forecast.base import Data
from forescale.forecast.residuals import PointForecaster
from forescale.forecast.windows import forward_filled, trailing_max
from forescale.series.regular import Floats, Ints, Series

RECENT = 60
"""Steps that count as recent where nothing else is said."""


class PersistenceForecaster(PointForecaster[int]):
    """The last value, and how far the maximum of the next steps used to be above it."""

    name = "persistence"

    def _learn(self, series: Series, horizon: int) -> int:
        return 1

    def _points(self, model: int, series: Series, origins: Ints, horizon: int) -> Floats:
        return _recent(series, origins, model)

    def _path(self, state: tuple[int, Floats, float], series: Series, horizon: int) -> Floats:
        return np.full(horizon, self._points(state[0], series, np.array([len(series)]), horizon)[0])


class RecentMaximumForecaster(PersistenceForecaster):
    """The largest value of the last `window` steps."""

    name = "recent_max"

    def __init__(self) -> None:
        super().__init__()
        self._window = RECENT

    def fit(self, series: Data, *, horizon: int = 5, window: int = RECENT) -> "RecentMaximumForecaster":
        """Learn how far the next maximum used to be from that of the last `window` steps."""
        if window < 1:
            raise ValueError(f"a window of {window} steps: at least 1 is needed")
        self._window = window
        return super().fit(series, horizon=horizon)

    def _learn(self, series: Series, horizon: int) -> int:
        return self._window


def _recent(series: Series, origins: Ints, window: int) -> Floats:
    """The largest of the last values before each origin; the newest one where these are absent."""
    first = max(int(origins[0]) - max(window, 2 * 1440), 0)
    values = series.values[first : int(origins[-1])]
    highest = trailing_max(values, window)[origins - 1 - first]
    return np.where(np.isfinite(highest), highest, forward_filled(values)[origins - 1 - first])
