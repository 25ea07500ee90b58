"""`forescale compare`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forescale.cli.console import err, out, print_json
from forescale.cli.options import Json
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
    from forescale.config import Overrides
    from forescale.series.trace import Trace
    from forescale.sim.comparison import Comparison, Curve, Each, Strategy
    from forescale.sources.trace_csv import Column


class FailIf(StrEnum):
    """What makes the exit code 1."""

    WORSE = "worse"


Contenders = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE|BASELINE...",
        help="Configurations and baselines; each is compared with the first. "
        "Baselines: static-peak, target-tracking, hpa, aws-predictive (at 60 %, or as hpa:70%), oracle.",
        show_default=False,
    ),
]
Traces = Annotated[
    list[str], typer.Option("--trace", metavar="CSV[:COLUMN]", help=f"{TRACE_HELP} May be given again.")
]
Fail = Annotated[
    FailIf | None,
    typer.Option(help="Exit code 1 if a later file is surely dearer, or violates more."),
]
Seed = Annotated[int, typer.Option(min=0, help="Of the confidence intervals.")]
Jobs = Annotated[int, typer.Option(min=0, help="Strategies simulated at a time; 0: one for each core.")]


def compare(
    contenders: Contenders,
    *,
    trace: Traces,
    peak_instances: Peak = 40,
    lead_time: Lead = "4m",
    warmup: Warmup = "7d",
    target: TargetName = None,
    sets: Sets = None,
    budget: Budget = None,
    fail_if: Fail = None,
    seed: Seed = 1,
    jobs: Jobs = 0,
    report: Report = None,
    json: Json = False,
) -> None:
    """Compare configurations and baselines on the same load, with confidence intervals.

    Each is compared with the first. A difference counts where its interval
    (95 %, over days) excludes 0; [bold]--fail-if worse[/] makes that a test.

      forescale compare now.yaml new.yaml hpa --trace load.csv --fail-if worse

    What counts as worse, and the baselines: docs/compare.md.
    """
    lead_seconds, lead = minutes("--lead-time", lead_time)
    _, warm = minutes("--warmup", warmup)
    strategies = _strategies(contenders, overrides(sets, budget, target), target)
    files = [strategy.name for strategy in strategies[1:] if strategy.cfg is not None]
    if fail_if is not None and not files:
        raise typer.BadParameter(
            "no file comes after the first: nothing can be worse", param_hint="--fail-if"
        )
    if report is not None:
        from forescale.ui.report import require_drawing

        require_drawing()
    common = {"peak_instances": peak_instances, "lead": lead, "warmup": warm}
    results = []
    for spec in trace:
        column, recorded, found, curves = _on(
            spec, strategies, common, seed=seed, jobs=jobs, with_frontier=report is not None
        )
        notes = [*trace_notes(recorded, column, spec, lead_seconds, lead), *found.notes]
        if report is not None:
            _report(report, spec, column, found, curves, notes, only=len(trace) == 1)
        results.append((column, recorded, found, curves, notes))
        if not json:
            _show(column, found, peak_instances, notes)
    bad = {name for _, _, found, _, _ in results for name in files if _ways(found, name)}
    if json:
        print_json(_as_json(results, peak_instances, sorted(bad)))
    elif fail_if is not None and bad:
        err.print(
            f"worse than {strategies[0].name}: {', '.join(sorted(bad))}", style="bold red", markup=False
        )
    if fail_if is not None and bad:
        raise typer.Exit(1)


def _strategies(names: Sequence[str], over: "Overrides | None", target: str | None) -> "list[Strategy]":
    """Each name is a baseline or a file; files of one name are told apart by their path."""
    from forescale.config import load
    from forescale.model.errors import ConfigError
    from forescale.sim.baselines import BASELINES, find_baseline
    from forescale.sim.comparison import Strategy

    if len(names) != len(dict.fromkeys(names)):
        raise ConfigError("a strategy is named twice", hint="name each file and each baseline once")
    stems = [Path(name).stem for name in names]
    found = []
    for name, stem in zip(names, stems, strict=True):
        if find_baseline(name) is not None:
            found.append(Strategy(name))
            continue
        if not Path(name).suffix and not Path(name).exists():
            raise ConfigError(
                f"{name!r} is neither a file nor a baseline", hint=f"the baselines: {', '.join(BASELINES)}"
            )
        label = name if stems.count(stem) > 1 or stem in BASELINES else stem
        found.append(Strategy(label, pick(load(name, overrides=over), target)))
    return found


def _on(
    spec: str, strategies: "list[Strategy]", common: Any, *, seed: int, jobs: int, with_frontier: bool
) -> "tuple[Column, Trace, Comparison, tuple[Curve, ...]]":
    """The strategies on one trace, and their frontiers where these are wanted."""
    from numpy.random import default_rng

    from forescale.series.trace import from_points
    from forescale.sim.comparison import compare_strategies, curves_of, frontier
    from forescale.sources.trace_csv import read_trace

    column = read_trace(spec)
    recorded = from_points(column.points)
    curves = curves_of(strategies) if with_frontier else {}
    count = len(strategies) + sum(len(variants) for variants in curves.values())
    with _progress(count) as done:
        each = _each(jobs, done)
        found = compare_strategies(strategies, recorded, rng=default_rng(seed), each=each, **common)
        return column, recorded, found, frontier(curves, recorded, each=each, **common)


def _each(jobs: int, done: Callable[[], None]) -> "Each":
    """Plays jobs on several cores where there are several, telling of each that is done."""

    def each(function: Callable[[Any], Any], work: Sequence[Any]) -> Iterable[Any]:
        from joblib import Parallel, cpu_count, delayed  # type: ignore[import-untyped]

        workers = min(jobs or cpu_count(), max(len(work), 1))
        parallel = Parallel(n_jobs=workers, return_as="generator")
        for result in parallel(delayed(function)(job) for job in work):
            done()
            yield result

    return each


@contextmanager
def _progress(count: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error while it lasts; none where that is not a terminal."""
    if not err.is_terminal:
        yield lambda: None
        return
    from rich.progress import Progress

    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("strategies", total=count)
        yield lambda: bar.advance(task)


def _ways(found: "Comparison", name: str) -> tuple[str, ...]:
    from forescale.sim.comparison import worse

    return worse(found.differences[name]) if name in found.differences else ()


def _report(
    folder: Path,
    spec: str,
    column: "Column",
    found: "Comparison",
    curves: "tuple[Curve, ...]",
    notes: list[str],
    *,
    only: bool,
) -> None:
    """A page for each trace; in a folder of its own where there are several."""
    from forescale.ui.report import write_comparison

    name = Path(spec.removesuffix(f":{column.name}")).name.split(".")[0]
    place = folder if only else folder / f"{name}-{column.name}"
    page = write_comparison(place, found, curves, title=column.name, notes=notes)
    err.print(f"report: {page}", markup=False, soft_wrap=True)


def _as_json(results: Sequence[Any], peak: int, bad: list[str]) -> dict[str, Any]:
    traces = []
    for column, recorded, found, curves, notes in results:
        about = about_trace(
            recorded,
            column,
            scored=len(found.load),
            warmup=found.warmup,
            peak=peak,
            lead=found.lead,
            notes=notes,
        )
        against = {
            name: {"difference": difference, "worse": _ways(found, name)}
            for name, difference in found.differences.items()
        }
        one = {"trace": about, "strategies": found.scores, "against_first": against}
        traces.append(one | ({"frontier": curves} if curves else {}))
    return {"traces": traces, "worse": bad}


def _show(column: "Column", found: "Comparison", peak: int, notes: list[str]) -> None:
    from forescale.cli.scores import comparison_table
    from forescale.model.settings import format_duration

    warmup = f", after {format_duration(60 * found.warmup)} of warm-up" if found.warmup else ""
    out.print(
        f"{column.name}: {len(found.load):,} minutes scored, from {iso(found.start)}{warmup}.",
        f"The load's 99.9th percentile is {peak} instances; the lead time is {found.lead} minutes.",
        "",
        sep="\n",
        markup=False,
        soft_wrap=True,
    )
    out.print(comparison_table(found), "")
    first = next(iter(found.scores))
    out.print(
        f"Differences are from {first}, with 95 % confidence intervals over days; "
        "* where the interval excludes 0.",
        markup=False,
        soft_wrap=True,
    )
    for note in notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True, style="dim")
    out.print()
