"""What was decided in each minute of a simulation, and what was forecast then."""

import numpy as np

from forescale.model.decision import Decision
from forescale.model.forecast import Forecast
from forescale.model.state import State
from forescale.series.trace import Floats

LEVELS = (0.5, 0.9, 0.99)
"""The probabilities whose quantiles are kept: the nearest that the model reports."""


class Record:
    """Keeps the decisions of a run; a `Watch` of `simulate`."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self._quantiles: list[tuple[float, ...] | None] = []
        self._last: tuple[Forecast, tuple[float, ...]] | None = None

    def __call__(self, minute: int, state: State, decision: Decision) -> None:  # noqa: ARG002 - a Watch
        """Called at the end of a minute."""
        self.decisions.append(decision)
        self._quantiles.append(self._of(state.forecast))

    def after(self, minutes: int) -> "Record":
        """The same without its first minutes."""
        rest = Record()
        rest.decisions, rest._quantiles = self.decisions[minutes:], self._quantiles[minutes:]
        return rest

    @property
    def quantiles(self) -> Floats | None:
        """At the end of each minute (rows), the quantiles at `LEVELS`; None where nothing was forecast.

        They are of the highest demand within the forecast's horizon, in instances; NaN in minutes
        without a forecast.
        """
        if not any(self._quantiles):
            return None
        none = (np.nan,) * len(LEVELS)
        return np.array([row or none for row in self._quantiles], dtype=np.float64)

    def _of(self, forecast: Forecast | None) -> tuple[float, ...] | None:
        """The same forecast may stand for minutes: it is looked at once."""
        if forecast is None or not forecast.quantiles:
            return None
        if self._last is None or self._last[0] is not forecast:
            self._last = forecast, tuple(_nearest(forecast, level) for level in LEVELS)
        return self._last[1]


def _nearest(forecast: Forecast, level: float) -> float:
    return min(forecast.quantiles, key=lambda pair: abs(pair[0] - level))[1]
