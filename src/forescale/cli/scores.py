"""How measures of strategies are shown: by `backtest`, and at the end of `demo`."""

from collections.abc import Iterator, Mapping

from rich.table import Table

from forescale.sim.measures import Score

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
_RIVALS = {"target-tracking": "target tracking", "static-peak": "a static peak"}


def table(scores: Mapping[str, Score]) -> Table:
    """Measures down, strategies across, so that four of them fit 80 columns."""
    grid = Table(box=None, padding=(0, 2, 0, 0))
    grid.add_column("")
    for name in scores:
        grid.add_column(name, justify="right", style="bold" if name == "configured" else "")
    for field, (label, form) in _MEASURES.items():
        grid.add_row(label, *(form.format(getattr(score, field)) for score in scores.values()))
    return grid


def verdicts(scores: Mapping[str, Score]) -> Iterator[str]:
    """In words: what the configured strategy saves against each rival, and at what price in violations."""
    ours = scores["configured"]
    for name, label in _RIVALS.items():
        if name in scores:
            yield f"Against {label}: {_saving(ours, scores[name])}; {_service(ours, scores[name])}."


def _saving(ours: Score, rival: Score) -> str:
    hours = ours.instance_hours - rival.instance_hours
    if abs(hours) < 0.0005 * rival.instance_hours:
        return "the same instance-hours"
    word = "fewer" if hours < 0 else "more"
    return f"{abs(hours):,.0f} instance-hours {word} ({abs(hours) / rival.instance_hours:.1%})"


def _service(ours: Score, rival: Score) -> str:
    if f"{ours.violations:.2f}" == f"{rival.violations:.2f}":
        return f"as many violations ({ours.violations:.2f} %)"
    word = "fewer" if ours.violations < rival.violations else "more"
    return f"{word} violations ({ours.violations:.2f} % instead of {rival.violations:.2f} %)"
