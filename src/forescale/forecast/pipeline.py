"""From demand to a forecast that can be acted on: models, calibration, selection, rehearsal.

Two halves. `train` is slow, works on a history and gives `Models`, which can be pickled: it may run in
another process. A `Pipeline` is quick: minute by minute it hears the demand, lets the models speak,
and says which of them is believed and what the stages of protection would have cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from forescale.forecast.base import LEVELS, BaseForecaster
from forescale.forecast.judge import Judge
from forescale.forecast.registry import forecaster
from forescale.forecast.rehearsal import Rehearsal
from forescale.forecast.settings import ForecastSettings
from forescale.forecast.windows import trailing_max
from forescale.model.forecast import Forecast, NotReady
from forescale.series.poison import Poison, find_poison
from forescale.series.regular import Floats, Ints, Series

FRONTIER_EVERY = 15
"""Steps between two forecasts that say what the rehearsal has shown."""

_SEEN = 28 * 1440  # steps looked back on for the largest value
_BEYOND = 1.1  # times that; demand above it has never been seen and is not forecast,
_RISE = 2.0  # but for what the last steps' rise would lead to, gone on for so many horizons
_MOST = 1e9  # instances; more cannot be meant


@dataclass(frozen=True)
class Models:
    """What `train` has learned, at `time` (seconds) from `steps` steps, poisoned ones left out."""

    time: float
    steps: int
    horizon: int
    fitted: Mapping[str, BaseForecaster[Any]]
    missing: Mapping[str, str] = field(default_factory=dict)
    poison: tuple[Poison, ...] = ()


def train(series: Series, settings: ForecastSettings, horizon: int, **poison: Any) -> Models:
    """Fit every candidate on a history of demand, for forecasts of `horizon` steps.

    `poison` is handed to `find_poison`: what serves, the group's maximum, deploys.
    """
    series = series.tail(round(settings.history / series.step))
    found = find_poison(series, **poison)
    clean = Series(series.start, np.where(found.mask, np.nan, series.values), series.step)
    fitted = {name: forecaster(name).fit(clean, horizon=horizon) for name in settings.models}
    missing = {name: model.missing.missing for name, model in fitted.items() if model.missing is not None}
    return Models(series.end, series.known, horizon, fitted, missing, found.spans)


def rows(models: Models, series: Series, origins: Ints) -> Floats:
    """What each model says at each origin, shape (origins, models, len(LEVELS)); NaN where nothing.

    Each row depends on the values before its origin only; origins ascend from the end of what
    the models were fitted on.
    """
    found = [model.rolling(series, origins, models.horizon) for model in models.fitted.values()]
    return np.stack(found, axis=1)


def limits(series: Series, origins: Ints, horizon: int) -> Floats:
    """What no forecast is above, for each origin: more than was ever seen, unless it is rising to there."""
    if not len(origins) or not len(series):
        return np.zeros(len(origins))
    first = max(int(origins[0]) - _SEEN, 0)
    seen, at = series.values[first : int(origins[-1])], origins - 1 - first
    highest = trailing_max(seen, _SEEN)[at]
    now, before = seen[at], seen[np.maximum(at - horizon, 0)]
    rising = np.nan_to_num(now + _RISE * (now - before), nan=0.0)
    return np.clip(np.maximum(_BEYOND * highest, rising), 0.0, _MOST)


class Pipeline:
    """The quick half, of one target; `lead` is in steps. The same calls give the same forecasts.

    `carried` is the share of its capacity that an instance carries before requests are violated.
    """

    def __init__(self, settings: ForecastSettings, lead: int, *, carried: float = 1.0) -> None:
        self.horizon = lead + 1  # what is decided now is billed from the next step on
        self.models: Models | None = None
        self._names = settings.models
        self._judge = Judge(len(self._names), self.horizon)
        self._rehearsal = Rehearsal(lead)
        self._carried = carried
        self._steps = 0

    def adopt(self, models: Models) -> None:
        """Let these models speak from now on."""
        self.models = models

    def advance(
        self, series: Series, said: Floats | None = None, limit: float | None = None
    ) -> Forecast | NotReady:
        """The forecast after the last step of the series, one step after that of the last call.

        `said` is what the models say there, shape (models, len(LEVELS)), and `limit` what they may
        not exceed, if that is known already.
        """
        origin = np.array([len(series)])
        if said is None:
            said = self._speak(series)
        if limit is None:
            limit = float(limits(series, origin, self.horizon)[0])
        recent = series.values[-self.horizon :]
        known = recent[~np.isnan(recent)]
        calibrated = self._judge.advance(said, float(known.max()) if len(known) else np.nan)
        row = np.clip(calibrated[self._judge.believed], 0.0, limit)
        speaks = not np.isnan(row[0])
        demand = float(series.values[-1]) if len(series) else np.nan
        self._rehearsal.advance(demand / self._carried, row / self._carried if speaks else None)
        self._steps += 1
        return self._forecast(series, row) if speaks else self._why_none()

    def _speak(self, series: Series) -> Floats:
        if self.models is None or not len(series):
            return np.full((len(self._names), len(LEVELS)), np.nan)
        return np.asarray(rows(self.models, series, np.array([len(series)]))[0])

    def _forecast(self, series: Series, row: Floats) -> Forecast:
        losses, believed = self._judge.losses, self._judge.believed
        tell = self._steps % FRONTIER_EVERY == 1
        scored = {n: float(x) for n, x in zip(self._names, losses, strict=True) if not np.isnan(x)}
        return Forecast(
            time=float(series.end),
            horizon=float(self.horizon * series.step),
            model=self._names[believed],
            quantiles=tuple((p, float(f"{x:.6g}")) for p, x in zip(LEVELS, row, strict=True)),
            error=scored.get(self._names[believed]),
            frontier=self._rehearsal.frontier() if tell else None,
            scores=scored if tell else None,
        )

    def _why_none(self) -> NotReady:
        if self.models is None:
            return NotReady("no model has been trained yet")
        missing = "; ".join(self.models.missing.values())
        return NotReady(missing or "no model has a forecast: demand is absent")
