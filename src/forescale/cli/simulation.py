"""What the commands that simulate share: their options, the load, the choice of a target."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from forescale.config import Config, Overrides, Target
    from forescale.series.trace import Trace
    from forescale.sources.trace_csv import Column

TRACE_HELP = "The recorded load: times in the first column; the first column of numbers where none is named."
Peak = Annotated[
    int,
    typer.Option(min=1, max=100_000, help="Scale the load so that its 99.9th percentile needs so many."),
]
Lead = Annotated[str, typer.Option(metavar="DURATION", help="From decision to serving; whole minutes.")]
Warmup = Annotated[
    str, typer.Option(metavar="DURATION", help="Not scored; half the trace if that is shorter.")
]
TargetName = Annotated[str | None, typer.Option("--target", help="Which target, if the file has several.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A key of the target over the file's: guards.max=20."),
]
Budget = Annotated[
    str | None,
    typer.Option(metavar="BUDGET", help="That of the predictive policy: 1%, 0.1% or status-quo."),
]
Report = Annotated[Path | None, typer.Option(metavar="DIR", help="Write an HTML page and its plots there.")]


def overrides(sets: list[str] | None, budget: str | None, target: str | None) -> "Overrides | None":
    """What was given over the file; None where nothing was."""
    from forescale.config import Overrides

    return Overrides(tuple(sets or ()), budget, target) if sets or budget is not None else None


def minutes(option: str, text: str) -> tuple[float, int]:
    """A duration in seconds and, rounded up, in minutes."""
    from math import ceil

    from forescale.model.settings import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    return seconds, ceil(seconds / 60)


def pick(config: "Config", name: str | None) -> "Target":
    """The target of that name, or the only one. Raises `ConfigError` where that is none."""
    from forescale.model.errors import ConfigError

    names = ", ".join(config.targets)
    if name is None and len(config.targets) > 1:
        raise ConfigError("the file has several targets", hint=f"choose one with --target: {names}")
    if name is not None and name not in config.targets:
        raise ConfigError(f"there is no target {name!r}", hint=f"its targets are: {names}")
    return config.targets[name or names]


def trace_notes(trace: "Trace", column: "Column", spec: str, seconds: float, lead: int) -> Iterator[str]:
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


def iso(time: float) -> str:
    """A time as scripts read it."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def about_trace(
    trace: "Trace", column: "Column", *, scored: int, warmup: int, peak: int, lead: int, notes: list[str]
) -> dict[str, Any]:
    """The `trace` object of the JSON: seconds for `step`, minutes for all other spans."""
    return {
        "column": column.name,
        "start": iso(trace.start),
        "points": trace.points,
        "step": trace.step,
        "interpolated": trace.interpolated,
        "minutes": len(trace),
        "gaps": trace.absent,
        "warmup": warmup,
        "scored": scored,
        "peak_instances": peak,
        "lead_time": lead,
        "notes": notes,
    }
