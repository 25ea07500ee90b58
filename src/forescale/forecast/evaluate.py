"""Rolling-origin evaluation: what each model would have said at every minute of a recorded load.

A model is fitted on what lies before the first origin, forecasts from each origin until the next
fit, each time knowing all that lies before that origin and nothing else, and is fitted again
(Tashman, *Int. J. of Forecasting* 16, 2000). Pure: time is measured by the clock handed in.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from forescale.forecast.base import KEEP, LEVELS, BaseForecaster
from forescale.forecast.registry import FORECASTERS, forecaster
from forescale.forecast.scores import coverage, pinball_loss, skill, wape
from forescale.forecast.windows import realised
from forescale.model.errors import TraceError
from forescale.model.forecast import NotReady
from forescale.model.settings import format_duration
from forescale.model.value import Value
from forescale.series.regular import Floats, Series

Clock = Callable[[], float]
"""Seconds, from some beginning."""

Progress = Callable[[str, int], None]
"""Told the model, and how many more minutes have been forecast."""

REFERENCES = ("persistence", "seasonal_naive")
"""What a model has to beat."""

_PREDICTIONS = 5  # single forecasts that are timed


class ModelScore(Value, frozen=True):
    """How good one model was. Losses are in the signal's unit, shares and skills without one.

    `skipped` says why there is nothing else. Skills are 1 - loss / loss of the reference, by the
    pinball loss, over the minutes in which both had a forecast.
    """

    model: str
    skipped: str | None = None
    forecasts: int = 0
    """Minutes in which it had a forecast and the outcome is known."""
    answered: float | None = None
    """The share of the minutes with a known outcome in which it had a forecast."""
    wape: float | None = None
    pinball: float | None = None
    pinball_relative: float | None = None
    coverage_90: float | None = None
    coverage_99: float | None = None
    skill_persistence: float | None = None
    skill_seasonal: float | None = None
    fits: int = 0
    fit_seconds: float | None = None
    """The median over its fits."""
    predict_seconds: float | None = None
    """The median over a few forecasts from one moment."""


@dataclass(frozen=True)
class Evaluation:
    """The scores in the order asked for, what was forecast in minutes, and what a reader should know."""

    scores: tuple[ModelScore, ...]
    horizon: int
    first: int
    minutes: int
    notes: tuple[str, ...] = ()


@dataclass
class _Run:
    """One model on its way through the trace."""

    quantiles: Floats
    fit_times: list[float] = field(default_factory=list)
    predict_time: float | None = None
    missing: str | None = None
    every: int = 0


def evaluate(
    series: Series,
    *,
    models: Sequence[str] = tuple(FORECASTERS),
    horizon: int = 5,
    warmup: int = 7 * 1440,
    refit: int = 1440,
    clock: Clock = lambda: 0.0,
    progress: Progress | None = None,
) -> Evaluation:
    """Score models on a recorded load.

    Args:
        series: the load; further columns in it are features of the models that learn from features.
        models: names in the registry. The two references are run in any case, for the skills.
        horizon: steps over which the maximum is forecast.
        warmup: steps before the first origin; half the series where that is shorter.
        refit: steps between two fits of a model; a model may ask for more, which a note then says.
        clock: what fits and forecasts are timed by.
        progress: is told of each stretch that has been forecast.

    Raises:
        ConfigError: there is no forecaster of that name.
        TraceError: the series is too short to forecast anything in it.
    """
    first = min(warmup, len(series) // 2)
    last = len(series) - horizon + 1
    if last - first < 1 or first < 1:
        raise TraceError(
            f"{format_duration(len(series) * series.step)} of load are too short to evaluate on",
            hint="give a longer trace, or a shorter --horizon",
        )
    outcome = realised(series.values, np.arange(first, last), horizon)
    names = [*models, *(name for name in REFERENCES if name not in models)]
    made = {name: forecaster(name) for name in names}  # so that a wrong name is told at once
    runs = {
        name: _run(model, series, (first, last), horizon, refit, clock, progress)
        for name, model in made.items()
    }
    scores = tuple(_score(name, runs, outcome) for name in models)
    return Evaluation(scores, horizon, first, last - first, tuple(_notes(series, models, runs, refit)))


def _run(
    model: BaseForecaster[Any],
    series: Series,
    span: tuple[int, int],
    horizon: int,
    refit: int,
    clock: Clock,
    progress: Progress | None,
) -> _Run:
    first, last = span
    run = _Run(np.full((last - first, len(LEVELS)), np.nan), every=max(refit, model.refit))
    for start in range(first, last, run.every):
        stop = min(start + run.every, last)
        begun = clock()
        model.fit(series.cut(max(start - KEEP, 0), start), horizon=horizon)
        run.fit_times.append(clock() - begun)
        run.missing = None if model.missing is None else model.missing.missing
        if run.missing is None:
            oldest = max(start - KEEP, 0)
            seen = series.cut(oldest, stop)
            origins = np.arange(start, stop) - oldest
            run.quantiles[start - first : stop - first] = model.rolling(seen, origins, horizon)
            taken = _predict_time(model, horizon, clock)
            run.predict_time = run.predict_time if taken is None else taken
        if progress is not None:
            progress(model.name, stop - start)
    return run


def _predict_time(model: BaseForecaster[Any], horizon: int, clock: Clock) -> float | None:
    """Seconds that a single forecast takes; None where there is none at this moment."""
    times = []
    for _ in range(_PREDICTIONS):
        begun = clock()
        answer = model.predict(horizon)
        times.append(clock() - begun)
        if isinstance(answer, NotReady):
            return None
    return median(times)


def _score(name: str, runs: dict[str, _Run], outcome: Floats) -> ModelScore:
    run = runs[name]
    known = ~np.isnan(outcome)
    answered = known & ~np.isnan(run.quantiles[:, 0])
    count = int(np.count_nonzero(answered))
    if count == 0:
        why = run.missing or "it had no forecast in any minute with a known outcome"
        return ModelScore(name, skipped=why, fits=len(run.fit_times))
    loss = pinball_loss(run.quantiles, outcome)
    mean = float(np.mean(np.abs(outcome[answered])))
    return ModelScore(
        model=name,
        forecasts=count,
        answered=count / int(np.count_nonzero(known)),
        wape=_finite(wape(run.quantiles, outcome)),
        pinball=loss,
        pinball_relative=loss / mean if mean > 0 else None,
        coverage_90=coverage(run.quantiles, outcome, 0.9),
        coverage_99=coverage(run.quantiles, outcome, 0.99),
        skill_persistence=_skill(run, runs[REFERENCES[0]], outcome),
        skill_seasonal=_skill(run, runs[REFERENCES[1]], outcome),
        fits=len(run.fit_times),
        fit_seconds=median(run.fit_times),
        predict_seconds=run.predict_time,
    )


def _skill(run: _Run, reference: _Run, outcome: Floats) -> float | None:
    """Over the minutes in which both had a forecast."""
    both = ~np.isnan(run.quantiles[:, 0]) & ~np.isnan(reference.quantiles[:, 0])
    outcome = np.where(both, outcome, np.nan)
    return _finite(skill(pinball_loss(run.quantiles, outcome), pinball_loss(reference.quantiles, outcome)))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _notes(series: Series, models: Sequence[str], runs: dict[str, _Run], refit: int) -> Iterator[str]:
    for name in models:
        if runs[name].every > refit:
            every, wanted = (format_duration(s * series.step) for s in (runs[name].every, refit))
            yield f"{name} takes long to fit: it was fitted every {every} instead of {wanted}"
    absent = len(series) - series.known
    if absent:
        yield f"{absent} minutes are absent: not scored where nothing is known of the horizon"
