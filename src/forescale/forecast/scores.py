"""How good forecasts were: errors, losses, coverage, skill. All of the maximum over the horizon."""

import numpy as np

from forescale.forecast.base import LEVELS, MEDIAN
from forescale.series.regular import Floats


def pinball_loss(quantiles: Floats, outcome: Floats) -> float:
    """The mean pinball loss over `LEVELS`, in the unit of the signal (Koenker and Bassett 1978).

    `quantiles` is (n, len(LEVELS)), `outcome` (n,); rows with NaN in either are left out. inf
    where none is left.
    """
    known = _known(quantiles, outcome)
    if not np.any(known):
        return float(np.inf)
    off = outcome[known, None] - quantiles[known]
    levels = np.array(LEVELS)
    return float(np.mean(np.maximum(levels * off, (levels - 1) * off)))


def wape(quantiles: Floats, outcome: Floats) -> float:
    """Weighted absolute percentage error of the median: sum |outcome - median| / sum |outcome|.

    NaN where all outcomes are 0 or none is known.
    """
    known = _known(quantiles, outcome)
    total = float(np.sum(np.abs(outcome[known])))
    off = float(np.sum(np.abs(outcome[known] - quantiles[known, MEDIAN])))
    return off / total if total > 0 else float(np.nan)


def coverage(quantiles: Floats, outcome: Floats, level: float) -> float:
    """The share of outcomes at or below the quantile at `level`, one of `LEVELS`. NaN where none is known."""
    known = _known(quantiles, outcome)
    if not np.any(known):
        return float(np.nan)
    return float(np.mean(outcome[known] <= quantiles[known, LEVELS.index(level)]))


def skill(loss: float, reference: float) -> float:
    """How much of a reference's loss is saved: 1 - loss / reference; 0 where both are 0, NaN without one."""
    if not (np.isfinite(loss) and np.isfinite(reference)):
        return float(np.nan)
    if reference == 0:
        return 0.0 if loss == 0 else float(-np.inf)
    return 1.0 - loss / reference


def _known(quantiles: Floats, outcome: Floats) -> "np.typing.NDArray[np.bool_]":
    return np.asarray(~np.isnan(outcome) & ~np.isnan(quantiles[:, MEDIAN]))
