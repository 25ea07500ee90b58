"""`forescale backtest`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forescale.cli.console import err, out, print_json
from forescale.cli.options import DEFAULT_FILE, File, Json

if TYPE_CHECKING:
    from forescale.config import Config, Target
    from forescale.series.trace import Trace
    from forescale.sim.backtest import Backtest, Progress
    from forescale.sources.trace_csv import Column


TraceSpec = Annotated[
    str,
    typer.Option(
        "--trace",
        metavar="CSV[:COLUMN]",
        help="The recorded load: times in the first column; the first column of numbers where none is named.",
    ),
]
Peak = Annotated[
    int,
    typer.Option(min=1, max=100_000, help="Scale the load so that its 99.9th percentile needs so many."),
]
Lead = Annotated[str, typer.Option(metavar="DURATION", help="From decision to serving; whole minutes.")]
Warmup = Annotated[
    str, typer.Option(metavar="DURATION", help="Not scored; half the trace if that is shorter.")
]
TargetName = Annotated[str | None, typer.Option("--target", help="Which target, if the file has several.")]
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
    timeline: Timeline = None,
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

    lead_seconds, lead = _minutes("--lead-time", lead_time)
    _, warm = _minutes("--warmup", warmup)
    cfg = _pick(load(file), target)
    column = read_trace(trace)
    recorded = from_points(column.points)
    with _progress(len(recorded)) as progress:
        result = compare(
            cfg, recorded, peak_instances=peak_instances, lead=lead, warmup=warm, progress=progress
        )
    notes = [*_notes(recorded, column, trace, lead_seconds, lead), *result.notes]
    if timeline is not None:
        _write(timeline, result)
    if json:
        about = _about(recorded, column, result, peak_instances, lead, notes)
        print_json({"strategies": result.strategies, "trace": about})
    else:
        _show(column, result, peak_instances, lead, notes)


def _minutes(option: str, text: str) -> tuple[float, int]:
    """A duration in seconds and, rounded up, in minutes."""
    from math import ceil

    from forescale.model.settings import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    return seconds, ceil(seconds / 60)


def _pick(config: "Config", name: str | None) -> "Target":
    from forescale.model.errors import ConfigError

    names = ", ".join(config.targets)
    if name is None and len(config.targets) > 1:
        raise ConfigError("the file has several targets", hint=f"choose one with --target: {names}")
    if name is not None and name not in config.targets:
        raise ConfigError(f"there is no target {name!r}", hint=f"its targets are: {names}")
    return config.targets[name or names]


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


def _notes(trace: "Trace", column: "Column", spec: str, seconds: float, lead: int) -> Iterator[str]:
    """What was done to the trace before it could be used."""
    from forescale.model.settings import format_duration

    if column.others and not spec.endswith(f":{column.name}"):
        yield f"the column is {column.name}; there are also: {', '.join(column.others)}"
    if trace.interpolated:
        every = format_duration(trace.step)
        yield f"points every {every} were interpolated to minutes: bursts between them are lost"
    if trace.absent:
        yield f"{trace.absent} minutes are absent: billed, but not scored"
    yield from trace.notes
    if lead * 60 != seconds:
        yield f"the lead time was rounded up to {lead} minutes"


def _iso(time: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _about(
    trace: "Trace", column: "Column", result: "Backtest", peak: int, lead: int, notes: list[str]
) -> dict[str, Any]:
    """The `trace` object of the JSON: seconds for `step`, minutes for all other spans."""
    return {
        "column": column.name,
        "start": _iso(trace.start),
        "points": trace.points,
        "step": trace.step,
        "interpolated": trace.interpolated,
        "minutes": len(trace),
        "gaps": trace.absent,
        "warmup": result.warmup,
        "scored": len(result.load),
        "peak_instances": peak,
        "lead_time": lead,
        "notes": notes,
    }


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
                rows.writerow((_iso(result.start + STEP * minute), *seen, *rest))
    except OSError as error:
        raise TraceError(f"cannot write {path}: {error.strerror}", hint="choose another place") from error


def _show(column: "Column", result: "Backtest", peak: int, lead: int, notes: list[str]) -> None:
    from forescale.cli.scores import table, verdicts
    from forescale.model.settings import format_duration

    warmup = f", after {format_duration(60 * result.warmup)} of warm-up" if result.warmup else ""
    lines = [
        f"{column.name}: {len(result.load):,} minutes scored, from {_iso(result.start)}{warmup}.",
        f"The load's 99.9th percentile is {peak} instances; the lead time is {lead} minutes.",
    ]
    out.print(*lines, "", sep="\n", markup=False, soft_wrap=True)
    out.print(table(result.strategies), "")
    for line in verdicts(result.strategies):
        out.print(line, markup=False, soft_wrap=True)
    for note in notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True, style="dim")
