"""How good the forecasts of the default pipeline were over the scored minutes."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from forescale.forecast.windows import forward_filled, realised, trailing_max
from forescale.series.regular import Floats

SEASONS = {"seasonal naive, 24 h": 1440, "seasonal naive, 7 d": 10_080}
PERSISTENCE = "persistence"


class Reference(msgspec.Struct, frozen=True):
    """A naive forecast, over the minutes in which it has one: its WAPE, and the pipeline's over it."""

    wape: float
    ratio: float


class Quality(msgspec.Struct, frozen=True):
    """`references` by name; `spoken` is the share of the minutes for which each model spoke.

    Coverages and WAPE (of the median of the maximum over the next lead time and a minute) are
    shares. `worst` is the highest of the references' ratios: below 1 the pipeline beats all of them.
    """

    coverage_90: float
    coverage_99: float
    wape: float
    references: dict[str, Reference]
    worst: float
    spoken: dict[str, float]


def quality(
    load: Floats, said: Floats, models: NDArray[np.str_], *, warmup: int, horizon: int
) -> Quality | None:
    """Score what was said after each minute; None where there is nothing to score.

    `said` has the quantiles at 50, 90 and 99 % of the maximum over the next `horizon` minutes,
    shape (minutes, 3), NaN where nothing was said; `models` who said it.
    """
    origins = np.arange(1, len(load) + 1)
    outcome = realised(load, origins, horizon)
    outcome[:warmup] = np.nan
    known = ~np.isnan(outcome) & ~np.isnan(said[:, 0])
    if not np.any(known) or not np.any(outcome[known] > 0):
        return None
    references = {
        name: _against(said[:, 0], points, outcome, known) for name, points in _naive(load, horizon).items()
    }
    found = {name: reference for name, reference in references.items() if reference is not None}
    names, counts = np.unique(models[known], return_counts=True)
    return Quality(
        coverage_90=float(np.mean(outcome[known] <= said[known, 1])),
        coverage_99=float(np.mean(outcome[known] <= said[known, 2])),
        wape=_wape(said[known, 0], outcome[known]),
        references=found,
        worst=max((reference.ratio for reference in found.values()), default=float("nan")),
        spoken={str(n): float(c / known.sum()) for n, c in zip(names, counts, strict=True)},
    )


def _naive(load: Floats, horizon: int) -> dict[str, Floats]:
    """What naive forecasts say after each minute: the last value; the same minutes one season ago."""
    highest = trailing_max(load, horizon)
    found = {PERSISTENCE: forward_filled(load)}
    for name, season in SEASONS.items():
        place = np.arange(len(load)) + horizon - season
        then = np.where(place >= 0, highest[np.maximum(place, 0)], np.nan)
        found[name] = np.where(np.isfinite(then), then, np.nan)
    return found


def _against(median: Floats, points: Floats, outcome: Floats, known: NDArray[np.bool_]) -> Reference | None:
    both = known & ~np.isnan(points)
    if not np.any(both):
        return None
    own, other = _wape(median[both], outcome[both]), _wape(points[both], outcome[both])
    return Reference(other, own / other if other > 0 else float(1.0 if own == 0 else np.inf))


def _wape(points: Floats, outcome: Floats) -> float:
    return float(np.abs(outcome - points).sum() / max(np.abs(outcome).sum(), 1e-12))
