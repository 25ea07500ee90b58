"""`forescale forecast`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forescale.cli.console import err, out, print_json
from forescale.cli.options import Json

if TYPE_CHECKING:
    from rich.table import Table

    from forescale.forecast.evaluate import Evaluation, ModelScore, Progress
    from forescale.series.regular import Floats, Series
    from forescale.series.trace import Trace
    from forescale.sources.trace_csv import Column


def forecast() -> None:
    """Score the forecasters on a recorded load.

    Which model is worth its time on your load, before any of them scales anything.

      forescale forecast evaluate --trace load.csv:requests
    """


def evaluate(
    *,
    trace: Annotated[
        str,
        typer.Option(
            metavar="CSV[:COLUMN]",
            help="The recorded load: the first column of numbers where none is named.",
        ),
    ],
    exog: Annotated[
        str | None,
        typer.Option(metavar="COL,...", help="Further columns of the file, as features."),
    ] = None,
    horizon: Annotated[
        str, typer.Option(metavar="DURATION", help="The maximum over so long is forecast.")
    ] = "5m",
    models: Annotated[str | None, typer.Option(metavar="A,B", help="All of them if left out.")] = None,
    warmup: Annotated[
        str, typer.Option(metavar="DURATION", help="Not scored; half the trace if that is shorter.")
    ] = "7d",
    refit: Annotated[str, typer.Option(metavar="DURATION", help="Between two fits of a model.")] = "1d",
    json: Json = False,
) -> None:
    """Forecast a recorded load from each of its minutes; compare with what came.

    Every model forecasts the maximum over the horizon from each minute after
    the warm-up, knowing only what lies before, and is fitted again each day.
    Skill is the share of a reference's pinball loss that is saved: below 0, the
    reference is better.

      forescale forecast evaluate --trace load.csv:requests --horizon 5m
      forescale forecast evaluate --trace load.csv --models ridge,lightgbm

    What the models are: docs/forecasters.md.
    """
    from time import perf_counter

    from forescale.cli.simulation import minutes
    from forescale.forecast.evaluate import evaluate as score
    from forescale.series.trace import from_points
    from forescale.sources.trace_csv import read_trace

    steps = _at_least_one("--horizon", horizon)
    every = _at_least_one("--refit", refit)
    _, warm = minutes("--warmup", warmup)
    names = _names(models)
    column = read_trace(trace)
    recorded = from_points(column.points)
    series = _series(recorded, trace, column, exog)
    with _progress(len(recorded) - warm, names) as progress:
        result = score(
            series, models=names, horizon=steps, warmup=warm, refit=every, clock=perf_counter,
            progress=progress,
        )  # fmt: skip
    notes = [*_notes(recorded, column, trace), *result.notes]
    if json:
        print_json(_document(result, recorded, column, every, notes))
    else:
        _show(result, column, notes)


SUBCOMMANDS = {"evaluate": evaluate}


def _at_least_one(option: str, text: str) -> int:
    """A duration in whole minutes, rounded up, of which there must be one."""
    from forescale.cli.simulation import minutes

    _, steps = minutes(option, text)
    if steps < 1:
        raise typer.BadParameter("must be a minute at least", param_hint=option)
    return steps


def _names(models: str | None) -> tuple[str, ...]:
    from forescale.forecast.registry import FORECASTERS, forecaster

    if models is None:
        return tuple(FORECASTERS)
    names = tuple(dict.fromkeys(name.strip() for name in models.split(",") if name.strip()))
    if not names:
        raise typer.BadParameter("name one at least", param_hint="--models")
    for name in names:
        forecaster(name)  # before anything is read: a wrong name is told at once
    return names


def _series(recorded: "Trace", spec: str, column: "Column", exog: str | None) -> "Series":
    """The load, and the further columns on its minutes. Raises `TraceError` where one is not there."""
    from forescale.model.errors import TraceError
    from forescale.series.regular import Series
    from forescale.series.trace import from_points
    from forescale.sources.trace_csv import read_trace

    path = spec if Path(spec).exists() else spec.rpartition(":")[0]
    extras = {}
    for name in dict.fromkeys(part.strip() for part in (exog or "").split(",") if part.strip()):
        if name == column.name:
            raise TraceError(
                f"--exog {name}: that is the load itself", hint=f"others: {', '.join(column.others)}"
            )
        extras[name] = _on_minutes(from_points(read_trace(f"{path}:{name}", signed=True).points), recorded)
    return Series(recorded.start, recorded.load, extras=extras)


def _on_minutes(column: "Trace", recorded: "Trace") -> "Floats":
    """A column on the minutes of the load; NaN where it has none."""
    import numpy as np

    from forescale.series.trace import STEP

    values = np.full(len(recorded), np.nan)
    ahead = round((column.start - recorded.start) / STEP)
    first, last = max(ahead, 0), min(ahead + len(column), len(recorded))
    if first < last:
        values[first:last] = column.load[first - ahead : last - ahead]
    return values


@contextmanager
def _progress(steps: int, names: tuple[str, ...]) -> "Iterator[Progress | None]":
    """A bar on standard error while it lasts, with the model at work; none where that is no terminal."""
    if not err.is_terminal:
        yield None
        return
    from rich.progress import Progress

    from forescale.forecast.evaluate import REFERENCES

    with Progress(console=err, transient=True) as bar:
        task = bar.add_task(names[0], total=max(steps, 1) * len({*names, *REFERENCES}))
        yield lambda model, minutes: bar.update(task, advance=minutes, description=model)


def _notes(trace: "Trace", column: "Column", spec: str) -> Iterator[str]:
    from forescale.model.settings import format_duration

    if column.others and not spec.endswith(f":{column.name}"):
        yield f"the column is {column.name}; there are also: {', '.join(column.others)}"
    if trace.interpolated:
        every = format_duration(trace.step)
        yield f"points every {every} were interpolated to minutes: bursts between them are lost"
    yield from trace.notes


def _document(
    result: "Evaluation", trace: "Trace", column: "Column", refit: int, notes: list[str]
) -> dict[str, Any]:
    """The JSON: seconds for `step` and the times, minutes for all other spans."""
    from forescale.cli.simulation import iso

    about = {
        "column": column.name,
        "start": iso(trace.start),
        "step": trace.step,
        "interpolated": trace.interpolated,
        "minutes": len(trace),
        "gaps": trace.absent,
        "warmup": result.first,
        "scored": result.minutes,
        "horizon": result.horizon,
        "refit": refit,
        "notes": notes,
    }
    return {"models": {score.model: score for score in result.scores}, "trace": about}


_MOSTLY = 0.995  # a model that was silent more often than the rest of it is remarked on
_COLUMNS = ("WAPE", "pinball", "≤ q90", "≤ q99", "vs p.", "vs s.", "fit s", "ms")
_LEGEND = """\
All in %, but the last two. WAPE: error of the median. pinball: loss over all
quantiles, of the mean load. ≤ q90, ≤ q99: outcomes not above that quantile.
vs p., vs s.: skill, the share of the pinball loss of persistence and of
seasonal naive that is saved. fit s, ms: seconds a fit takes, milliseconds a
forecast.
"""


def _show(result: "Evaluation", column: "Column", notes: list[str]) -> None:
    from forescale.model.settings import format_duration

    ahead, warm = format_duration(60 * result.horizon), format_duration(60 * result.first)
    out.print(
        f"{column.name}: the maximum of the next {ahead}, forecast from {result.minutes:,} minutes, "
        f"after {warm} of warm-up.\n", markup=False, soft_wrap=True
    )  # fmt: skip
    out.print(_table(result), "")
    out.print(_LEGEND, markup=False, style="dim")
    for score in result.scores:
        if score.skipped is not None:
            out.print(f"{score.model} skipped: {score.skipped}", markup=False, soft_wrap=True)
        elif score.answered is not None and score.answered < _MOSTLY:
            out.print(f"note: {score.model} had a forecast in {score.answered:.1%} of the minutes",
                      markup=False, soft_wrap=True, style="dim")  # fmt: skip
    for note in notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True, style="dim")


def _table(result: "Evaluation") -> "Table":
    """A row for each model that was scored, the best first."""
    from rich.table import Table

    grid = Table(box=None, padding=(0, 1, 0, 0))
    grid.add_column("model", no_wrap=True)
    for name in _COLUMNS:
        grid.add_column(name, justify="right")
    scored = [score for score in result.scores if score.pinball is not None]
    for score in sorted(scored, key=lambda score: score.pinball or 0.0):
        grid.add_row(score.model, *_cells(score))
    return grid


def _cells(score: "ModelScore") -> Iterator[str]:
    shares = (
        (score.wape, ".2f"), (score.pinball_relative, ".2f"), (score.coverage_90, ".1f"),
        (score.coverage_99, ".1f"), (score.skill_persistence, "+.0f"), (score.skill_seasonal, "+.0f"),
    )  # fmt: skip
    for share, form in shares:
        yield "–" if share is None else format(100 * share, form)
    yield "–" if score.fit_seconds is None else f"{score.fit_seconds:.2f}"
    yield "–" if score.predict_seconds is None else f"{1000 * score.predict_seconds:.1f}"
