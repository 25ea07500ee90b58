"""How measures of strategies are shown: by `backtest`, and at the end of `demo`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.table import Table

from forescale.sim.measures import Score

if TYPE_CHECKING:
    from forescale.sim.bootstrap import Interval
    from forescale.sim.comparison import Comparison

_MEASURES = {
    "cost": ("cost, × oracle", "{:.2f}"),
    "instance_hours": ("instance-hours", "{:,.0f}"),
    "violations": ("violations, % of requests", "{:.2f}"),
    "excess": ("excess, % of load", "{:.2f}"),
    "theta_u": ("θU under-provisioned, %", "{:.2f}"),
    "theta_o": ("θO over-provisioned, %", "{:.1f}"),
    "tau_u": ("τU time under, %", "{:.2f}"),
    "tau_o": ("τO time over, %", "{:.1f}"),
    "instability": ("υ instability, %", "{:.1f}"),
    "actions_per_day": ("actions a day", "{:.1f}"),
}


def table(scores: Mapping[str, Score]) -> Table:
    """Measures down, strategies across, so that four of them fit 80 columns."""
    grid = Table(box=None, padding=(0, 2, 0, 0))
    grid.add_column("")
    for name in scores:
        grid.add_column(name, justify="right", style="bold" if name == "configured" else "")
    for field, (label, form) in _MEASURES.items():
        grid.add_row(label, *(form.format(getattr(score, field)) for score in scores.values()))
    return grid


def comparison_table(found: "Comparison") -> Table:
    """Strategies down, with how each differs from the first; within 80 columns."""
    grid = Table(box=None, padding=(0, 1, 0, 0))
    grid.add_column("", overflow="fold")
    titles = ("cost ×\noracle", "violations\n%", "more cost\n%", "more violations\npoints")
    for title in titles:
        grid.add_column(title, justify="right", no_wrap=True)
    for name, score in found.scores.items():
        against = found.differences.get(name)
        cost = interval(against.cost, 1) if against else ""
        failed = interval(against.violations, 2) if against else ""
        grid.add_row(name, f"{score.cost:.2f}", f"{score.violations:.2f}", cost, failed)
    return grid


def interval(found: "Interval", decimals: int) -> str:
    """`+3.1 [+1.2 +5.0]*`: a difference, its interval, and a star where that excludes 0."""
    decimals = 0 if abs(found.value) >= 100 else min(decimals, 1) if abs(found.value) >= 1 else decimals
    value, low, high = (f"{x:+.{decimals}f}" for x in (found.value, found.low, found.high))
    return f"{value} [{low} {high}]{'*' if found.excludes_zero else ' '}"
