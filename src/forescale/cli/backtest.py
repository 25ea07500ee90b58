"""`forescale backtest`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forescale.cli.console import err, out, print_json
from forescale.cli.options import DEFAULT_FILE, File, Json
from forescale.cli.simulation import (
    TRACE_HELP,
    Budget,
    Lead,
    Peak,
    Report,
    Sets,
    TargetName,
    Warmup,
    about_trace,
    iso,
    minutes,
    overrides,
    pick,
    trace_notes,
)

if TYPE_CHECKING:
    from forescale.sim.backtest import Backtest, Progress
    from forescale.sim.record import Record
    from forescale.sources.trace_csv import Column

TraceSpec = Annotated[str, typer.Option("--trace", metavar="CSV[:COLUMN]", help=TRACE_HELP)]
Timeline = Annotated[
    Path | None, typer.Option(metavar="OUT.csv", help="Write what the configured target did each minute.")
]


def backtest(
    file: File = DEFAULT_FILE,
    *,
    trace: TraceSpec,
    peak_instances: Peak = 40,
    lead_time: Lead = "4m",
    warmup: Warmup = "7d",
    target: TargetName = None,
    sets: Sets = None,
    budget: Budget = None,
    timeline: Timeline = None,
    report: Report = None,
    json: Json = False,
) -> None:
    """Replay a recorded load through the same engine; compare cost and violations.

    The configured target, AWS-style target tracking at 60 % and a static
    peak scale the same simulated group; cost is a ratio to an oracle that
    knows the future. AWS is not asked.

      forescale backtest forescale.yaml --trace load.csv:requests

    How a minute goes and what the measures mean: docs/backtest.md.
    """
    from forescale.config import load
    from forescale.series.trace import from_points
    from forescale.sim.backtest import backtest as compare
    from forescale.sources.trace_csv import read_trace

    lead_seconds, lead = minutes("--lead-time", lead_time)
    _, warm = minutes("--warmup", warmup)
    cfg = pick(load(file, overrides=overrides(sets, budget, target)), target)
    record = _record(report)
    column = read_trace(trace)
    recorded = from_points(column.points)
    with _progress(len(recorded)) as progress:
        result = compare(
            cfg,
            recorded,
            peak_instances=peak_instances,
            lead=lead,
            warmup=warm,
            progress=progress,
            watch=record,
        )
    notes = [*trace_notes(recorded, column, trace, lead_seconds, lead), *result.notes]
    if timeline is not None:
        _write(timeline, result)
    if report is not None and record is not None:
        _report(report, file, column.name, result, record, notes)
    if json:
        about = about_trace(
            recorded,
            column,
            scored=len(result.load),
            warmup=result.warmup,
            peak=peak_instances,
            lead=lead,
            notes=notes,
        )
        print_json({"strategies": result.strategies, "trace": about})
    else:
        _show(column, result, peak_instances, lead, notes)


@contextmanager
def _progress(minutes: int) -> "Iterator[Progress | None]":
    """A bar on standard error while it lasts; none where that is not a terminal."""
    if not err.is_terminal:
        yield None
        return
    from rich.progress import Progress

    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("minutes", total=minutes)
        yield lambda done: bar.advance(task, done)


def _record(report: Path | None) -> "Record | None":
    """What remembers the decisions for a report; first of all, whether one can be drawn."""
    if report is None:
        return None
    from forescale.sim.record import Record
    from forescale.ui.report import require_drawing

    require_drawing()
    return Record()


def _report(
    folder: Path, file: Path, column: str, result: "Backtest", record: "Record", notes: list[str]
) -> None:
    from forescale.ui.report import write_backtest

    page = write_backtest(folder, result, record, title=f"{file.name} on {column}", notes=notes)
    err.print(f"report: {page}", markup=False, soft_wrap=True)


def _write(path: Path, result: "Backtest") -> None:
    """The scored minutes: load in instances in full precision, empty where absent."""
    import csv
    from math import isnan

    from forescale.model.errors import TraceError
    from forescale.series.trace import STEP
    from forescale.sim.oracle import needed

    run = result.configured
    columns = (result.load, needed(result.load), run.serving, run.billed, run.desired)
    try:
        with path.open("w", newline="", encoding="utf-8") as handle:
            rows = csv.writer(handle, lineterminator="\n")
            rows.writerow(("time", "load", "needed", "serving", "billed", "desired"))
            minutes = zip(*(column.tolist() for column in columns), strict=True)
            for minute, (load, need, *rest) in enumerate(minutes):
                seen = ("", "") if isnan(load) else (load, need)
                rows.writerow((iso(result.start + STEP * minute), *seen, *rest))
    except OSError as error:
        raise TraceError(f"cannot write {path}: {error.strerror}", hint="choose another place") from error


def _show(column: "Column", result: "Backtest", peak: int, lead: int, notes: list[str]) -> None:
    from forescale.cli.scores import table
    from forescale.model.settings import format_duration
    from forescale.ui.verdicts import verdicts

    warmup = f", after {format_duration(60 * result.warmup)} of warm-up" if result.warmup else ""
    lines = [
        f"{column.name}: {len(result.load):,} minutes scored, from {iso(result.start)}{warmup}.",
        f"The load's 99.9th percentile is {peak} instances; the lead time is {lead} minutes.",
    ]
    out.print(*lines, "", sep="\n", markup=False, soft_wrap=True)
    out.print(table(result.strategies), "")
    for line in verdicts(result.strategies):
        out.print(line, markup=False, soft_wrap=True)
    for note in notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True, style="dim")
