"""The report of a comparison: every strategy against the first, and the frontier they lie on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from forescale.model.settings import format_duration
from forescale.series.trace import STEP
from forescale.sim.bootstrap import Interval
from forescale.sim.comparison import Comparison, Curve, worse
from forescale.sim.oracle import needed, oracle
from forescale.sim.spending import spending
from forescale.ui.render import when
from forescale.ui.report.page import write_page
from forescale.ui.report.plots import cost_plot, demand_plot, money_plot, strategies_plot


def write_comparison(
    folder: Path, found: Comparison, curves: Sequence[Curve], *, title: str, notes: Sequence[str] = ()
) -> Path:
    """Write the page and its plots into a folder, made where it is not there; gives the page's path."""
    spent = {name: spending(run, found.load, found.lead) for name, run in found.runs.items()}
    best = oracle(needed(found.load), found.lead)
    first, run = next(iter(found.runs.items()))
    plots = [
        strategies_plot(found.scores, curves),
        money_plot(spent),
        cost_plot(found.start, found.runs, best),
        demand_plot("demand", f"Demand, and the capacity of {first}", found.start, found.load, run, None),
    ]
    end, lasted = found.start + STEP * len(found.load), format_duration(STEP * len(found.load))
    values = {
        "title": title,
        "first": first,
        "headline": _headline(found),
        "span": f"{lasted}, {when(found.start)[:10]} to {when(end)[:10]} (UTC)",
        "lead": format_duration(STEP * found.lead),
        "rows": list(_rows(found)),
        "has_curves": bool(curves),
        "points": [
            (curve.name, point.label, f"{point.cost:.2f}", f"{point.violations:.2f}")
            for curve in curves
            for point in curve.points
        ],
        "notes": list(notes),
    }
    return write_page(folder, "comparison.html", plots, values)


def _headline(found: Comparison) -> str:
    """What the first strategy is, and how many of the others do better than it."""
    first = next(iter(found.scores))
    score = found.scores[first]
    base = (
        f"{first} costs {score.cost:.2f} × the least possible, with {score.violations:.2f} % of violations."
    )
    better = [name for name, other in found.differences.items() if _beats(other.cost, other.violations)]
    better = [name for name in better if name != "oracle"]
    if better:
        return f"{base} {' and '.join(better)} {'does' if len(better) == 1 else 'do'} better on both."
    return f"{base} Nothing here is better on both."


def _beats(cost: Interval, violations: Interval) -> bool:
    """Surely better on one, and surely worse on neither."""
    ours = (cost.high < 0 and violations.low <= 0) or (violations.high < 0 and cost.low <= 0)
    return ours and cost.value <= 0 and violations.value <= 0


def _rows(found: Comparison) -> Iterator[tuple[str, list[str], str]]:
    """(strategy, figures, verdict)."""
    for name, score in found.scores.items():
        against = found.differences.get(name)
        yield (
            name,
            [
                f"{score.cost:.2f}",
                f"{score.violations:.2f}",
                _interval(against.cost, 1) if against else "–",
                _interval(against.violations, 2) if against else "–",
                f"{score.actions_per_day:.1f}",
            ],
            ", ".join(worse(against)) if against else "",
        )


def _interval(found: Interval, decimals: int) -> str:
    value, low, high = (f"{x:+.{decimals}f}" for x in (found.value, found.low, found.high))
    return f"{value} ({low} … {high})".replace("-", "−")
