"""Forecasts for every step of a history, as they would have been made: fitted again and again on the way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from forescale.forecast.pipeline import Models, Pipeline, limits, rows, train
from forescale.forecast.settings import ForecastSettings
from forescale.model.forecast import Forecast, NotReady
from forescale.series.regular import Series

Train = Callable[[Series, ForecastSettings, int], Models]

_FIRST = 60  # steps before the first fit; then twice as many each time, until `refit` is reached


@dataclass(frozen=True)
class Walk:
    """What was said after each step, and the pipeline as it was after the last."""

    forecasts: tuple[Forecast | NotReady, ...]
    pipeline: Pipeline


def walk(
    series: Series,
    settings: ForecastSettings,
    lead: int,
    *,
    carried: float = 1.0,
    fit: Train = train,
    progress: Callable[[int], None] | None = None,
) -> Walk:
    """Go through a history of demand. `lead` is in steps; `progress` hears of steps done."""
    pipeline, said = Pipeline(settings, lead, carried=carried), list[Forecast | NotReady]()
    for first, last in _spans(len(series), round(settings.refit / series.step)):
        if first:
            pipeline.adopt(fit(series.cut(0, first), settings, pipeline.horizon))
        origins = np.arange(first + 1, last + 1)
        known = None if pipeline.models is None else rows(pipeline.models, series, origins)
        most = limits(series, origins, pipeline.horizon)
        for place, origin in enumerate(origins.tolist()):
            now = None if known is None else known[place]
            recent = series.cut(max(origin - pipeline.horizon, 0), origin)
            said.append(pipeline.advance(recent, now, float(most[place])))
        if progress is not None:
            progress(last - first)
    return Walk(tuple(said), pipeline)


def fits(steps: int, refit: int) -> Iterator[int]:
    """After how many steps the models are fitted: 60, 120, 240, ..., then every `refit` steps."""
    at = min(_FIRST, refit)
    while at < steps:
        yield at
        at = at * 2 if at * 2 < refit else (at // refit + 1) * refit


def _spans(steps: int, refit: int) -> Iterator[tuple[int, int]]:
    """From one fit to the next; the first span has no models."""
    at = [0, *fits(steps, refit), steps]
    yield from pairwise(at)
