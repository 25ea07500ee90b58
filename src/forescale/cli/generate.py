"""`forescale generate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from forescale.cli.console import err, print_json

if TYPE_CHECKING:
    from forescale.series.trace import Trace
    from forescale.sim.synthetic import Shape, Synthetic

COLUMN = "synthetic_load"
_PARTS = "What it is made of (0 leaves a part out)"


def _part(help_text: str, name: str) -> Any:
    return typer.Option(name, help=help_text, rich_help_panel=_PARTS, show_default=True)


def generate(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=".csv, .csv.gz or .parquet; CSV on standard output if left out.",
        ),
    ] = None,
    *,
    days: Annotated[float, typer.Option(help="How long.", min=0.01, max=3660)] = 28.0,
    seed: Annotated[int, typer.Option(help="Another seed, another load of the same kind.", min=0)] = 1,
    start: Annotated[str, typer.Option(metavar="TIME", help="Its first minute, UTC.")] = "2026-01-05",
    step: Annotated[str, typer.Option(metavar="DURATION", help="Time between rows, whole minutes.")] = "1m",
    level: Annotated[float, typer.Option(help="The load of a weekday's busiest hour.", min=0.001)] = 1000.0,
    daily: Annotated[float, _part("What the quietest hour lacks of the busiest.", "--daily")] = 0.65,
    weekly: Annotated[float, _part("What weekends lack of weekdays.", "--weekly")] = 0.3,
    trend: Annotated[float, _part("Growth a week; may be negative.", "--trend")] = 0.02,
    noise: Annotated[float, _part("Relative standard deviation of a minute.", "--noise")] = 0.04,
    bursts: Annotated[float, _part("Bursts a day, at random times.", "--bursts")] = 2.0,
    burst_size: Annotated[float, _part("Height of the smallest, of --level.", "--burst-size")] = 0.15,
    hourly: Annotated[float, _part("A burst every full hour, of --level.", "--hourly")] = 0.0,
    outages: Annotated[float, _part("Outages a week, at random times.", "--outages")] = 0.0,
    outage_minutes: Annotated[float, _part("Their mean length.", "--outage-minutes")] = 20.0,
    outage_kind: Annotated[
        Literal["zero", "absent"], _part("No load, or nothing recorded.", "--outage-kind")
    ] = "zero",
    shifts: Annotated[float, _part("Lasting changes of level in 4 weeks.", "--shifts")] = 0.0,
    shift_size: Annotated[float, _part("0.5: to 1.5 × the level, or 1/1.5.", "--shift-size")] = 0.5,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw it (needs the extra 'report').")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Tell what is in it as JSON; needs --output.")] = False,
) -> None:
    """Make a synthetic load, to try configurations on.

    Seeded: the same command makes the same file. Days, weeks, growth, noise and bursts; outages and
    lasting changes of level on demand. The column is called synthetic_load, so that nobody takes it
    for a measurement.

      forescale generate --days 60 -o load.csv
      forescale generate --outages 2 --shifts 1 --seed 7 -o hard.parquet
      forescale backtest --trace load.csv
    """
    from forescale.cli.when import moment
    from forescale.sim.synthetic import Shape, synthesise

    if json and output is None:
        raise typer.BadParameter("tells about a file: give --output as well", param_hint="--json")
    every = _whole_minutes(step)
    if output is not None:
        _check(output)
    try:
        shape = Shape(
            daily=daily,
            weekly=weekly,
            trend=trend,
            noise=noise,
            bursts=bursts,
            burst_size=burst_size,
            hourly=hourly,
            outages=outages,
            outage_minutes=outage_minutes,
            outage_kind=outage_kind,
            shifts=shifts,
            shift_size=shift_size,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    made = synthesise(shape, seed, max(round(days * 1440), 1), start=moment(start, "--start"))
    about = _about(made, shape, seed, level, every)
    _write(output, made.trace, level, every, about)
    if plot is not None:
        _plot(plot, made, level, seed)
    if json:
        print_json(about)
    elif output is not None:
        _show(made, output, about)


def _check(path: Path) -> None:
    from forescale.sources.table import check_path

    check_path(path)


def _whole_minutes(text: str) -> int:
    from forescale.model.settings import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--step") from error
    if seconds < 60 or seconds % 60 or 86400 % seconds:
        raise typer.BadParameter(f"{text} does not divide a day into whole minutes", param_hint="--step")
    return round(seconds / 60)


def _about(made: "Synthetic", shape: "Shape", seed: int, level: float, every: int) -> dict[str, Any]:
    """What the file is: also the metadata of a Parquet file."""
    from dataclasses import asdict

    from forescale.sources.table import iso

    marks = [
        {"kind": mark.kind, "start": iso(mark.start), "end": iso(mark.end), "size": round(mark.size, 4)}
        for mark in made.marks
    ]
    return {
        "synthetic": True,
        "made_by": "forescale generate",
        "column": COLUMN,
        "seed": seed,
        "start": iso(made.trace.start),
        "minutes": len(made.trace),
        "step": 60 * every,
        "level": level,
        "parts": asdict(shape),
        "marks": marks,
    }


def _write(path: Path | None, trace: "Trace", level: float, every: int, about: dict[str, Any]) -> None:
    import numpy as np

    from forescale.sources.table import write_table

    load = trace.load * level
    places = np.arange(0, len(load), every)
    # The mean of each step; a step with an absent minute has none, as nobody knows what it was.
    sums = np.add.reduceat(load, places)
    values = np.round(sums / np.diff([*places, len(load)]), 3)
    write_table(path, (trace.start + 60.0 * places).tolist(), {COLUMN: values.tolist()}, about)


def _plot(path: Path, made: "Synthetic", level: float, seed: int) -> None:
    """Draw the load, outages and shifts marked."""
    from forescale.cli.picture import draw

    draw(
        path,
        made.trace.start,
        made.trace.load * level,
        title=f"synthetic load, seed {seed}",
        bands=[(mark.start, mark.end) for mark in made.marks if mark.kind == "outage"],
        lines=[mark.start for mark in made.marks if mark.kind == "shift"],
    )


def _show(made: "Synthetic", path: Path, about: dict[str, Any]) -> None:
    from forescale.ui.chart import sparkline

    counts = {kind: sum(mark.kind == kind for mark in made.marks) for kind in ("burst", "outage", "shift")}
    found = ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items() if count)
    err.print(f"{path}: synthetic, {len(made.trace):,} minutes from {about['start']}", markup=False)
    err.print(sparkline(made.trace.load.tolist(), width=min(err.width, 100)), markup=False)
    if found:
        err.print(f"with {found}", markup=False)
