"""Several models at once, weighted by how well each has done on this very load.

Each member is fitted on all but the newest fifth of the history and judged on that fifth by its
pinball loss; its weight is the inverse fourth power of that loss (lower
powers were measured to let poor members count too much). Quantiles are averaged level by
level (Vincent averaging; Ratcliff 1979). All are then fitted on the whole history.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from forescale.forecast.base import LEVELS, BaseForecaster
from forescale.forecast.registry import forecaster
from forescale.forecast.residuals import sampled
from forescale.forecast.scores import pinball_loss
from forescale.forecast.windows import realised
from forescale.model.forecast import NotReady
from forescale.series.regular import Floats, Ints, Series

MEMBERS = ("persistence", "seasonal_naive", "ridge", "lightgbm")
"""The models that are combined where nothing else is said."""

JUDGED = 0.2
"""The newest share of the history, on which members are judged; three days at most."""

_LONGEST = 3 * 1440
_POWER = 4
_ROWS = 5_000  # moments on which they are judged


@dataclass(frozen=True)
class Members:
    """The fitted models that are ready, their weights (which sum to 1) and their losses."""

    models: tuple[BaseForecaster[Any], ...]
    weights: tuple[float, ...]
    losses: tuple[float, ...]


class CombinedForecaster(BaseForecaster[Members]):
    """The average of several models, the better ones counting more."""

    name = "combined"
    needs: ClassVar[int] = 360

    def __init__(self, members: tuple[str, ...] = MEMBERS) -> None:
        super().__init__()
        if not members:
            raise ValueError("there is nothing to combine: name one forecaster at least")
        self.members = members

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each member that is ready; nothing before `fit`."""
        state = self._states.get(self._horizon)
        if not isinstance(state, Members):
            return {}
        return {model.name: weight for model, weight in zip(state.models, state.weights, strict=True)}

    def _train(self, series: Series, horizon: int) -> Members | NotReady:
        split = len(series) - min(int(JUDGED * len(series)), _LONGEST)
        origins = sampled(np.arange(split, len(series) - horizon + 1), _ROWS)
        outcome = realised(series.values, origins, horizon)
        models, losses, lacking = [], [], []
        for name in self.members:
            model = forecaster(name).fit(series.cut(0, split), horizon=horizon)
            loss = pinball_loss(model.rolling(series, origins, horizon), outcome)
            model.fit(series, horizon=horizon)
            if model.missing is None and np.isfinite(loss):
                models.append(model)
                losses.append(loss)
            else:
                lacking.append(model.missing.missing if model.missing else f"{name} gave no forecast")
        if not models:
            return NotReady("; ".join(lacking))
        return Members(tuple(models), _weights(losses), tuple(losses))

    def _quantiles(self, state: Members, series: Series, origins: Ints, horizon: int) -> Floats:
        each = np.stack([model.rolling(series, origins, horizon) for model in state.models])
        weights = np.where(np.isnan(each), 0.0, np.array(state.weights)[:, None, None])
        total = weights.sum(axis=0)
        mean = np.divide(
            (np.nan_to_num(each) * weights).sum(axis=0),
            total,
            out=np.full((len(origins), len(LEVELS)), np.nan),
            where=total > 0,
        )
        return np.asarray(mean, dtype=np.float64)

    def _path(self, state: Members, series: Series, horizon: int) -> Floats:
        paths = [model.path(series, horizon) for model in state.models]
        return np.asarray(np.average(paths, axis=0, weights=state.weights), dtype=np.float64)


def _weights(losses: list[float]) -> tuple[float, ...]:
    """Inverse fourth powers that sum to 1."""
    best = min(losses)
    inverse = [1.0 if loss == best else (best / loss) ** _POWER for loss in losses]
    return tuple(float(weight / sum(inverse)) for weight in inverse)
