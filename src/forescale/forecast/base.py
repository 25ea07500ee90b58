"""What a forecaster is, and what all of them share.

A model is a class with a `name`, a `_train` and a `_quantiles`; the rest it inherits. Whatever
the data looks like, it answers with a `Forecast` or a `NotReady`, and never raises.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from forescale.forecast.windows import age_of, trailing_max
from forescale.model.forecast import Forecast, NotReady
from forescale.model.settings import format_duration
from forescale.series.regular import Floats, Ints, Series, as_series
from forescale.series.trace import Trace

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.998, 0.999, 0.9995)
"""The probabilities of the quantiles that every model gives, ascending."""

MEDIAN = LEVELS.index(0.5)
"""The place of the median among `LEVELS`."""

HORIZON = 5
"""Steps ahead where nothing else is asked for: four minutes of lead time, and the one until it is billed."""

STALE = 15
"""With no value in so many steps there is no forecast: it would tell of a load that is long gone."""

CAP = 3.0
"""No forecast is more than so many times the largest value seen within `MEMORY`."""

MEMORY = 28 * 1440
"""Steps looked back on for the cap; histories are kept at least so long."""

KEEP = 60 * 1440
"""Steps of history that a forecaster holds. Older ones are forgotten, which bounds memory."""

Data = Series | Trace | Sequence[float | None] | ArrayLike
State = TypeVar("State")


class Forecaster(Protocol):
    """Gives quantiles of the maximum over the next steps. The same data gives the same forecast."""

    name: ClassVar[str]

    def fit(self, series: Data, *, horizon: int = HORIZON) -> Self:
        """Learn from a history, for forecasts of `horizon` steps."""
        ...

    def update(self, series: Data) -> Self:
        """Append what is new, without training. A list continues where the history ends."""
        ...

    def predict(self, horizon: int | None = None) -> Forecast | NotReady:
        """Quantiles at `LEVELS` of the maximum over the next `horizon` steps, or what is lacking."""
        ...

    def rolling(self, series: Data, origins: Ints, horizon: int) -> Floats:
        """What would have been predicted after having seen `series.values[:origin]`, for each origin.

        Shape (len(origins), len(LEVELS)); a row of NaN where there would have been no forecast.
        """
        ...


class BaseForecaster(ABC, Generic[State]):
    """A forecaster that keeps its history, and one trained state for each horizon asked for.

    Asked for a horizon it was not fitted for, it trains for that one, on the history it was
    fitted on; that takes as long as `fit`.
    """

    name: ClassVar[str]
    needs: ClassVar[int] = 60
    """Known steps of history without which there is no forecast."""
    refit: ClassVar[int] = 1
    """Steps between fits that are worth their time; more than a day for one that trains for minutes."""

    def __init__(self) -> None:
        self._horizon = HORIZON
        self._history = Series(0.0, np.empty(0))
        self._fitted = self._history
        self._states: dict[int, State | NotReady] = {}

    def fit(self, series: Data, *, horizon: int = HORIZON) -> Self:
        """Learn from a history, for forecasts of `horizon` steps, of which there must be one at least."""
        if horizon < 1:
            raise ValueError(f"a horizon of {horizon} steps: at least 1 is needed")
        self._horizon = horizon
        self._history = self._fitted = as_series(series).tail(KEEP)
        self._states = {}
        self._state(horizon)
        return self

    def update(self, series: Data) -> Self:
        """Append what is new, without training. A list continues where the history ends."""
        new = as_series(series)
        if not isinstance(series, Series | Trace):
            new = Series(self._history.end, new.values, self._history.step)
        if new.start - self._history.end > KEEP * new.step:
            self._history = new  # all that was known is forgotten by now
        elif len(new):
            self._history = self._history.extended(new).tail(KEEP) if len(self._history) else new
        return self

    def predict(self, horizon: int | None = None) -> Forecast | NotReady:
        """Quantiles at `LEVELS` of the maximum over the next `horizon` steps, or what is lacking."""
        steps = self._horizon if horizon is None else horizon
        state = self._state(steps)
        if isinstance(state, NotReady):
            return state
        history, now = self._history, np.array([len(self._history)])
        row = self._rows(state, history, now, steps)[0]
        if np.any(np.isnan(row)):
            return self._why_none(history)
        return Forecast(
            time=float(history.end),
            horizon=float(steps * history.step),
            model=self.name,
            quantiles=tuple(zip(LEVELS, map(float, row), strict=True)),
            path=tuple(map(float, self.path(history, steps))),
        )

    def rolling(self, series: Data, origins: Ints, horizon: int) -> Floats:
        """What would have been predicted after having seen `series.values[:origin]`, for each origin.

        The origins lie at or after the end of what it was fitted on, ascending. Shape
        (len(origins), len(LEVELS)); a row of NaN where there would have been no forecast.
        """
        state = self._state(horizon)
        if isinstance(state, NotReady) or not len(origins):
            return np.full((len(origins), len(LEVELS)), np.nan)
        return self._rows(state, as_series(series), np.asarray(origins, dtype=np.int64), horizon)

    def path(self, series: Data, horizon: int) -> Floats:
        """The median of each of the steps after the end of the series; NaN where it is not ready."""
        state, seen = self._state(horizon), as_series(series)
        if isinstance(state, NotReady) or not seen.known:
            return np.full(horizon, np.nan)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.clip(self._path(state, seen, horizon), *_bounds(seen.values, np.array([len(seen)])))

    @property
    def missing(self) -> NotReady | None:
        """What it lacks to forecast over the horizon it was fitted for; None where it lacks nothing."""
        state = self._state(self._horizon)
        return state if isinstance(state, NotReady) else None

    @abstractmethod
    def _train(self, series: Series, horizon: int) -> State | NotReady:
        """Learn; the series has at least `needs` known values."""

    @abstractmethod
    def _quantiles(self, state: State, series: Series, origins: Ints, horizon: int) -> Floats:
        """Rows of quantiles, in any order within a row; strictly from what lies before each origin."""

    @abstractmethod
    def _path(self, state: State, series: Series, horizon: int) -> Floats:
        """The median of each step after the end of the series."""

    def _state(self, horizon: int) -> State | NotReady:
        if horizon not in self._states:
            self._states[horizon] = self._lacking() or self._train(self._fitted, horizon)
        return self._states[horizon]

    def _lacking(self) -> NotReady | None:
        known, step = self._fitted.known, self._fitted.step
        if known >= self.needs:
            return None
        return NotReady(f"{self.name} needs {_span(self.needs, step)} of load, has {_span(known, step)}")

    def _rows(self, state: State, series: Series, origins: Ints, horizon: int) -> Floats:
        """Quantiles within their bounds and in their order; NaN where the newest value is too old."""
        known = age_of(~np.isnan(series.values))[np.maximum(origins - 1, 0)] < STALE
        usable = known & (origins > 0)
        rows = np.full((len(origins), len(LEVELS)), np.nan)
        if not np.any(usable):
            return rows
        with np.errstate(over="ignore", invalid="ignore"):
            found = self._quantiles(state, series, origins[usable], horizon)
        low, high = _bounds(series.values, origins[usable])
        rows[usable] = np.sort(np.clip(found, low[:, None], high[:, None]), axis=1)
        return rows

    def _why_none(self, history: Series) -> NotReady:
        if np.all(np.isnan(history.values[-STALE:])):
            return NotReady(f"{self.name} has seen no value in the last {_span(STALE, history.step)}")
        return NotReady(f"{self.name} has too few values in the time it looks back on")


def _bounds(values: Floats, origins: Ints) -> tuple[Floats, Floats]:
    """What a forecast cannot go below and above: 0 where nothing was, and `CAP` times what was seen."""
    first = max(int(origins[0]) - MEMORY, 0)
    seen = values[first : int(origins[-1])]
    place = origins - 1 - first
    highest = trailing_max(seen, MEMORY)[place]
    lowest = -trailing_max(-seen, MEMORY)[place]
    margin = np.maximum(np.abs(highest), np.abs(lowest)) * (CAP - 1)
    return np.where(lowest >= 0, 0.0, lowest - margin), highest + margin


def _span(steps: int, step: float) -> str:
    """Steps in words, for people: `3d` or `40m`."""
    return format_duration(steps * step) if steps else "none"


def cannot_import(error: Exception, extra: str) -> NotReady:
    """What to install, for a model whose library is not there."""
    if isinstance(error, OSError) or "libgomp" in str(error):
        return NotReady(f"a system library is missing ({error}): apt-get install libgomp1")
    return NotReady(f"pip install 'forescale[{extra}]' is needed ({error})")
