"""`forescale ab`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forescale.cli.console import err, out, print_json
from forescale.cli.options import DEFAULT_FILE, File, Json
from forescale.cli.simulation import TRACE_HELP, Lead, Peak, Sets, TargetName, minutes, overrides, pick

if TYPE_CHECKING:
    from rich.table import Table

    from forescale.config.settings import Config
    from forescale.engine.experiment_settings import Experiment
    from forescale.model.state import State
    from forescale.sim.ab import Outcome, Report
    from forescale.sim.backtest import Progress

_FEWEST = 5  # comparisons before their spread says anything


def ab() -> None:
    """Report on A/B tests of live targets; plan how long one must run.

    An `experiment` in a target's settings lets a treatment and the
    target's own policies take turns; whoever looks, and however often,
    the report keeps its error rate.

      forescale ab report
      forescale ab plan --trace load.csv:requests --minimum-effect cost=3%

    How it works and what it assumes: docs/ab.md.
    """


def report(file: File = DEFAULT_FILE, json: Json = False) -> None:
    """Show what every experiment has found so far.

    Reads the ledger only, so it works beside a running process. Looking
    as often as you like does not spoil the result.

      forescale ab report
    """
    from forescale.cli.book import open_ledger
    from forescale.model.errors import ConfigError
    from forescale.sim.ab import report as found

    with open_ledger(file) as (config, ledger):
        states = ledger.states()
    groups = _experiments(config)
    if not groups:
        raise ConfigError("no target has an experiment", hint="set one: docs/ab.md")
    reports = [
        (found([_trials(names, settings, states) for names in group], settings), group, settings)
        for group, settings in groups
    ]
    if json:
        items = [_plain(item, settings) for item, _, settings in reports]
        print_json({"dry_run": config.dry_run, "experiments": items})
        return
    for i, (item, group, settings) in enumerate(reports):
        if i:
            out.print()
        _show(item, group, settings)
    if config.dry_run:
        out.print("\ndry run: nothing is changed, so nothing is compared", style="yellow")


def plan(
    file: File = DEFAULT_FILE,
    *,
    trace: Annotated[str, typer.Option("--trace", metavar="CSV[:COLUMN]", help=TRACE_HELP)],
    minimum_effect: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=RATIO", help="Over the file's: cost=3% or violations=0.2%; may be repeated."
        ),
    ] = None,
    power: Annotated[
        str, typer.Option(metavar="RATIO", help="How surely the minimum effect is to be found.")
    ] = "80%",
    peak_instances: Peak = 40,
    lead_time: Lead = "4m",
    target: TargetName = None,
    sets: Sets = None,
    json: Json = False,
) -> None:
    """Say how long an experiment must run, from a rehearsal on your own load.

    The experiment is played on the trace through the same engine, with
    launches that boot a little longer at random, as real ones do. How much
    its comparisons vary says how many are needed.

      forescale ab plan --trace load.csv:requests --minimum-effect cost=3%
    """
    from forescale.config import load
    from forescale.engine.settings import TargetSettings
    from forescale.model.errors import ConfigError, TraceError
    from forescale.series.trace import from_points
    from forescale.sim.ab import needed, rehearse
    from forescale.sim.ab import report as found
    from forescale.sources.trace_csv import read_trace

    cfg = pick(load(file, overrides=overrides(sets, None, target)), target)
    if cfg.experiment is None:
        raise ConfigError("the target has no experiment", hint="set one: docs/ab.md")
    settings = cfg.experiment.model_copy(update={"minimum_effect": _effects(cfg.experiment, minimum_effect)})
    _, lead = minutes("--lead-time", lead_time)
    certainty = _ratio("--power", power)
    recorded = from_points(read_trace(trace).points).scaled(peak_instances)
    fields = {name: getattr(cfg, name) for name in TargetSettings.model_fields}
    with _progress(len(recorded)) as progress:
        trial = rehearse(
            TargetSettings.model_construct(**fields | {"experiment": settings}),
            recorded,
            lead,
            progress=progress,
        )
    switchback = settings.model_copy(update={"design": "switchback", "matched_with": None})
    seen = found([] if trial is None else [{"rehearsal": trial}], switchback)
    if seen.comparisons < _FEWEST:
        raise TraceError(
            f"the trace is too short: it holds {seen.comparisons} comparisons, {_FEWEST} are needed",
            hint="bring a longer trace, or make experiment.slice shorter",
        )
    need = needed(settings, seen.cost.deviation, seen.violations.deviation, certainty)
    planned = {
        "comparisons": need.both,
        "seconds": need.both * _seconds(settings),
        "cost": need.cost,
        "violations": need.violations,
        "longest": settings.lasts,
    }
    if json:
        print_json({"plan": planned, "power": certainty, "rehearsal": _plain(seen, switchback)})
        return
    _show_plan(planned, certainty, seen, settings)


SUBCOMMANDS = {"report": report, "plan": plan}


def _experiments(config: "Config") -> "list[tuple[list[list[str]], Experiment]]":
    """The experiments of the file: their targets, pair by pair if matched, and their settings."""
    found: dict[str, tuple[list[list[str]], Experiment]] = {}
    for name, target in config.targets.items():
        settings = target.experiment
        if settings is None:
            continue
        if settings.matched_with is None:
            found[name] = ([[name]], settings)
        elif name < settings.matched_with:
            same = settings.model_dump_json(exclude={"matched_with"})
            found.setdefault(same, ([], settings))[0].append([name, settings.matched_with])
    return list(found.values())


def _trials(names: list[str], settings: "Experiment", states: "Mapping[str, State]") -> dict[str, Any]:
    trials = {name: states[name].trial for name in names if name in states}
    return {name: trial for name, trial in trials.items() if trial and trial.name == settings.name}


def _seconds(settings: "Experiment") -> float:
    """How long a comparison takes."""
    return settings.slice * (2 if settings.design == "switchback" else 1)


def _plain(item: "Report", settings: "Experiment") -> dict[str, Any]:
    """A report for scripts: with the time that is still needed, and the sums of both by name."""
    import msgspec

    arms = {"control": item.control, "treatment": item.treatment}
    sums = {
        name: {
            "cost": arm.cost,
            "violations": arm.violations,
            "instance_hours": arm.billed / 3600,
            "minutes": arm.minutes,
        }
        for name, arm in arms.items()
    }
    more = None if item.more is None else item.more * _seconds(settings)
    return {**msgspec.structs.asdict(item), **sums, "more_seconds": more}


def _effects(settings: "Experiment", given: list[str] | None) -> Any:
    effects = {}
    for text in given or ():
        key, _, value = text.partition("=")
        if key not in ("cost", "violations"):
            raise typer.BadParameter(
                f"{text!r} is not cost=RATIO or violations=RATIO", param_hint="--minimum-effect"
            )
        effects[key] = _ratio("--minimum-effect", value)
    return settings.minimum_effect.model_copy(update=effects)


def _ratio(option: str, text: str) -> float:
    from forescale.model.settings import parse_ratio

    try:
        found = parse_ratio(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    if not 0 < found < 1:
        raise typer.BadParameter(f"{text!r} must be between 0 and 100 %", param_hint=option)
    return found


@contextmanager
def _progress(total: int) -> "Iterator[Progress | None]":
    """A bar on standard error while it lasts; none where that is not a terminal."""
    if not err.is_terminal:
        yield None
        return
    from rich.progress import Progress

    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("minutes", total=total)
        yield lambda done: bar.advance(task, done)


def _show(item: "Report", group: list[list[str]], settings: "Experiment") -> None:
    from forescale.model.settings import format_duration

    where = ", ".join(" and ".join(names) for names in group)
    out.print(f"{item.name}: {item.design} on {where}", style="bold", markup=False)
    if not item.targets:
        out.print("not begun yet: forescale run")
        return
    every = format_duration(settings.slice)
    out.print(f"{item.slices} slices of {every} count, {item.comparisons} comparisons", markup=False)
    out.print(_table(item))
    out.print(f"verdict: {item.verdict}", style="bold", markup=False)
    if item.more is not None and not item.ended:
        left = format_duration(item.more * _seconds(settings))
        out.print(f"about {item.more} more comparisons are needed, {left}", markup=False)
    if item.ended:
        out.print(f"ended: {item.ended}", markup=False, style="yellow")


def _table(item: "Report") -> "Table":
    from rich.table import Table

    grid = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("", "control", "treatment", "effect"):
        grid.add_column(column, justify="left" if not column else "right")
    grid.add_column("", overflow="fold")
    costs = [sums.cost for sums in (item.control, item.treatment)]
    shares = [sums.violations for sums in (item.control, item.treatment)]
    shown = ["-" if cost is None else f"{cost:.2f}" for cost in costs]
    grid.add_row("cost, × demand", *shown, _effect(item.cost, "%"), str(item.cost.verdict))
    shown = [f"{100 * share:.2f}" for share in shares]
    grid.add_row("violations, %", *shown, _effect(item.violations, "points"), str(item.violations.verdict))
    return grid


def _effect(outcome: "Outcome", unit: str) -> str:
    decimals = 1 if unit == "%" else 2
    if outcome.low is None or outcome.high is None:
        return f"{100 * outcome.effect:+.{decimals}f} {unit}"
    low, high = f"{100 * outcome.low:+.{decimals}f}", f"{100 * outcome.high:+.{decimals}f}"
    return f"{100 * outcome.effect:+.{decimals}f} {unit} [{low} {high}]"


def _show_plan(planned: dict[str, Any], power: float, seen: "Report", settings: "Experiment") -> None:
    from forescale.model.settings import format_duration

    least, each = settings.minimum_effect, _seconds(settings)
    out.print(f"To find or rule out, with a power of {power:.0%}, {settings.name} needs", markup=False)
    wanted = (
        (planned["cost"], f"{100 * least.cost:g} % of cost"),
        (planned["violations"], f"{100 * least.violations:g} points of violations"),
    )
    for count, what in wanted:
        out.print(f"  {count:>4} comparisons, {format_duration(count * each)}, for {what}", markup=False)
    if planned["seconds"] > planned["longest"]:
        longest = format_duration(planned["longest"])
        out.print(
            f"That is longer than it may run ({longest}): accept a larger effect, or run it longer.",
            style="yellow",
        )
    out.print(f"\nThe rehearsal, {seen.comparisons} comparisons:", markup=False)
    out.print(_table(seen))
    out.print(f"verdict: {seen.verdict}", markup=False)
