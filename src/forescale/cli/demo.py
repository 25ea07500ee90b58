"""`forescale demo`."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forescale.cli.console import err, out, print_json
from forescale.cli.options import Json, duration

if TYPE_CHECKING:
    from rich.console import RenderableType

    from forescale.demo.play import Minute, Result
    from forescale.model.journal import Entry
    from forescale.series.trace import Trace
    from forescale.ui.view import View

_DAY = 86400.0


def demo(
    trace: Annotated[
        str | None,
        typer.Option(
            "--trace", metavar="CSV[:COLUMN]", help="A recorded load; made up (seeded) if left out."
        ),
    ] = None,
    hours: Annotated[int, typer.Option(min=1, max=24 * 14, help="How much of it to play.")] = 24,
    skip: Annotated[
        float | None, duration("Where in the trace to begin, such as 3d; the busiest stretch if left out.")
    ] = None,
    peak_instances: Annotated[
        int, typer.Option(min=1, max=200, help="The load's 99.9th percentile, in instances.")
    ] = 20,
    boot_time: Annotated[float, duration("How long an instance takes to serve.")] = "4m",  # type: ignore[assignment]  # typer parses it
    speed: Annotated[str, typer.Option(metavar="N|max", help="Virtual seconds per real second.")] = "1440",
    seed: Annotated[int, typer.Option(help="Of the made-up load.")] = 7,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the final view as a picture.")
    ] = None,
    json: Json = False,
) -> None:
    """Scale a local Auto Scaling Group on a day of load. No account, no Docker.

    Starts a local AWS (moto, with boot delay in front of it) in this process, plays the load
    as CloudWatch metrics by a virtual clock, and lets the real runtime act on it over HTTP.
    Then compares what it did with a static peak, AWS-style target tracking and an oracle
    that knows the future, and replays its ledger.

      forescale demo --trace requests.csv:count --hours 48 --speed max
    """
    import tempfile

    from forescale.demo.play import play
    from forescale.runtime import log

    log.configure("auto", "error")  # the view tells it all
    load, title = _load(trace, hours, skip, peak_instances, seed)
    lead = ceil(boot_time / 60)
    pace = _speed(speed)
    view = _view(title, len(load))
    with tempfile.TemporaryDirectory(prefix="forescale-demo-") as directory, _live(view, json=json) as update:

        def minute(done: "Minute") -> None:
            view.minute(done.load, done.serving)
            update()

        result = asyncio.run(
            play(
                load,
                lead=lead,
                peak=peak_instances,
                speed=pace,
                store=Path(directory) / "ledger.db",
                on_minute=minute,
                on_entry=lambda entry: _tell(view, entry, plain=not out.is_terminal and not json),
            )
        )
    if json:
        print_json({"strategies": result.strategies, "replay": {"equal": result.replay.equal}})
    else:
        _summary(result, title)
    if svg is not None:  # last: what was played is shown, even where this cannot be written
        _save(view, svg)


def _speed(text: str) -> float:
    if text == "max":
        return float("inf")
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise typer.BadParameter(f"{text!r} is neither a positive number nor max", param_hint="--speed")
    return speed


def _load(trace: str | None, hours: int, skip: float | None, peak: int, seed: int) -> "tuple[Trace, str]":
    """The load to play, warm-up included, and what to call it."""
    from forescale.demo.play import WARMUP
    from forescale.demo.stretch import busiest, stretch
    from forescale.series.trace import from_points
    from forescale.sim.generator import daily_load
    from forescale.sources.trace_csv import read_trace

    minutes = hours * 60 + WARMUP
    if trace is None:
        whole = daily_load(seed, max(minutes, 2 * 1440), start=1_700_006_400.0)
        title = f"made-up load, seed {seed}"
    else:
        column = read_trace(trace)
        whole, title = from_points(column.points), column.name
        if whole.interpolated:
            err.print(f"points every {whole.step:g} s are interpolated to minutes", style="dim")
    scaled = whole.scaled(peak)
    begin = busiest(scaled, minutes) if skip is None else round(skip / 60)
    return stretch(scaled, begin, minutes), title


def _view(title: str, minutes: int) -> "View":
    from forescale.ui.view import View

    return View(f"forescale demo · {title}", minutes)


@contextmanager
def _live(view: "View", *, json: bool) -> Iterator[Callable[[], None]]:
    """Redraw the view now and then, on a terminal; otherwise do nothing."""
    from rich.live import Live

    console = err if json else out
    if not console.is_terminal:
        yield lambda: None
        return

    def drawing() -> "RenderableType":
        return view.render(*console.size)

    with Live(drawing(), console=console, auto_refresh=False, transient=json) as live:
        drawn = 0.0

        def update() -> None:
            nonlocal drawn
            import time

            if time.monotonic() - drawn > 0.1 or len(view.demand) == view.minutes:
                live.update(drawing(), refresh=True)
                drawn = time.monotonic()

        yield update


def _tell(view: "View", entry: "Entry", *, plain: bool) -> None:
    from forescale.model.decision import Direction
    from forescale.model.effect import Decided
    from forescale.ui.render import headline, when, why

    if entry.state.fleet is not None:
        view.fleet = entry.state.fleet
    for effect in entry.effects:
        if isinstance(effect, Decided):
            view.decided(effect.decision)
            if plain and effect.decision.direction is not Direction.HOLD:
                line = f"{when(effect.decision.time)}  {headline(effect.decision)}  {why(effect.decision)}"
                out.print(line, markup=False, soft_wrap=True)


def _save(view: "View", path: Path) -> None:
    import io
    import re

    from rich.console import Console

    from forescale.model.errors import TraceError

    console = Console(record=True, width=118, file=io.StringIO())
    console.print(view.render(console.width))
    # Without rich's web fonts: a picture that asks another host for its letters works offline nowhere.
    picture = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="forescale demo"), flags=re.DOTALL)
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise TraceError(f"cannot write {path}: {error.strerror}", hint="choose another place") from error


def _summary(result: "Result", title: str) -> None:
    from forescale.cli.scores import table
    from forescale.ui.verdicts import verdicts

    out.print(f"\n{title}: what the group cost and how well it served", style="bold", markup=False)
    out.print(table(result.strategies), "")
    for line in verdicts(result.strategies):
        out.print(line, markup=False, soft_wrap=True)
    replayed = result.replay
    word = "byte for byte equal when replayed" if replayed.equal else "NOT equal when replayed"
    done = f"{result.actions} changes of capacity, {result.requests} HTTP requests"
    out.print(f"{done}; {replayed.decisions} decisions, {word}.", soft_wrap=True)
    out.print("Next: forescale init, then forescale doctor: your own group, in dry run.", style="dim")
