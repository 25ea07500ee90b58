"""The report of a backtest: what it cost, how it served, and which decisions were wrong."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from forescale.model.settings import format_duration
from forescale.series.trace import STEP, Floats
from forescale.sim.backtest import Backtest
from forescale.sim.episodes import Episode, shortages, waste
from forescale.sim.measures import Score, short
from forescale.sim.oracle import needed, oracle
from forescale.sim.record import Record
from forescale.sim.spending import Spending, spending
from forescale.ui.render import headline, when, why
from forescale.ui.report.page import write_page
from forescale.ui.report.plots import cost_plot, demand_plot, money_plot, strategies_plot
from forescale.ui.report.style import Plot
from forescale.ui.verdicts import verdicts

_DAY = 1440
_MOST = 6  # episodes of a kind


def write_backtest(
    folder: Path, result: Backtest, record: Record, *, title: str, notes: Sequence[str] = ()
) -> Path:
    """Write the page and its plots into a folder, made where it is not there; gives the page's path.

    `record` holds the configured target's decisions, warm-up included.
    """
    record = record.after(result.warmup)
    run, load, lead = result.configured, result.load, result.lead
    spent = {name: spending(other, load, lead) for name, other in result.runs.items()}
    short_of = shortages(run, load, lead, record.decisions, _MOST)
    first, day = _worst_day(result)
    scores = result.strategies
    values = {
        "title": title,
        "headline": _headline(scores["configured"]),
        "verdicts": list(verdicts(scores)),
        "span": _span(result),
        "tiles": list(_tiles(scores)),
        "day": f"{when(result.start + STEP * first)[:16]} and the 24 hours after",
        "day_is_short": bool(short(load[day], run.serving[day]).any()),
        "spending": list(_spent(spent["configured"])),
        "shortages": [_row(episode, result) for episode in short_of],
        "short_total": scores["configured"].violations,
        "waste": [_row(e, result) for e in waste(run, load, lead, record.decisions, _MOST)],
        "rows": list(_rows(scores)),
        "notes": list(notes),
        "lead": format_duration(STEP * lead),
    }
    return write_page(folder, "backtest.html", _plots(result, record, spent, first, day), values)


def _plots(
    result: Backtest, record: Record, spent: dict[str, Spending], first: int, day: slice
) -> list[Plot]:
    run, load, quantiles = result.configured, result.load, record.quantiles
    part = type(run)(run.serving[day], run.billed[day], run.desired[day])
    best = oracle(needed(load), result.lead)
    return [
        demand_plot("demand", "Demand and capacity over the whole span", result.start, load, run, quantiles),
        demand_plot(
            "worst-day",
            "Demand and capacity on the worst day",
            result.start + STEP * first,
            load[day],
            part,
            None if quantiles is None else quantiles[day],
        ),
        cost_plot(result.start, result.runs, best),
        money_plot(spent),
        strategies_plot(result.strategies),
    ]


def _worst_day(result: Backtest) -> tuple[int, slice]:
    """The 24 hours with the most failed requests; where none failed, with the greatest waste."""
    load, run = result.load, result.configured
    bad: Floats = np.nan_to_num(load) * short(load, run.serving)
    if not bad.any():
        bad = (run.billed - needed(load)).astype(np.float64)
    if len(load) <= _DAY:
        return 0, slice(0, len(load))
    running = np.concatenate(([0.0], np.cumsum(bad)))
    sums = running[_DAY:] - running[:-_DAY]
    best = np.flatnonzero(sums >= sums.max() * (1 - 1e-9))
    first = int(best[len(best) // 2])  # the middle of equals shows what was before, too
    return first, slice(first, first + _DAY)


def _headline(ours: Score) -> str:
    served = (
        "no request meets too little capacity"
        if ours.violations == 0
        else f"{_percent(ours.violations)} of all requests meet too little capacity"
    )
    return f"{ours.cost:.2f} × the least possible cost; {served}."


def _percent(share: float) -> str:
    return f"{share:.2f} %" if share >= 0.01 else "less than 0.01 %"


def _span(result: Backtest) -> str:
    end = result.start + STEP * len(result.load)
    lasted = format_duration(STEP * len(result.load))
    warm = f", after {format_duration(STEP * result.warmup)} of warm-up" if result.warmup else ""
    return f"{lasted}, {when(result.start)[:10]} to {when(end)[:10]} (UTC){warm}"


def _tiles(scores: dict[str, Score]) -> Iterator[tuple[str, str, str]]:
    """(figure, what it is, beside what) of the figures that matter most."""
    ours, tracking = scores["configured"], scores["target-tracking"]
    yield f"{ours.cost:.2f} ×", "cost, against the oracle", f"target tracking: {tracking.cost:.2f} ×"
    yield (
        f"{ours.violations:.2f} %",
        "requests with too little capacity",
        f"target tracking: {tracking.violations:.2f} %",
    )
    saved = tracking.instance_hours - ours.instance_hours
    word = "saved" if saved >= 0 else "more"
    yield (
        f"{abs(saved):,.0f} h",
        f"instance-hours {word}, against target tracking",
        f"{ours.instance_hours:,.0f} h in all",
    )
    yield (
        f"{ours.actions_per_day:.0f}",
        "actions a day",
        f"target tracking: {tracking.actions_per_day:.0f}",
    )


_PURPOSES = {
    "needed": "Needed. The oracle pays this too.",
    "headroom": "Headroom, for what might have come.",
    "waiting": "Waiting to scale in: the load had gone.",
    "booting": "Booting, beyond what the oracle boots.",
    "missing": "Not bought, though it was needed.",
}


def _spent(spent: Spending) -> Iterator[tuple[str, str, str]]:
    """(purpose, hours, × oracle)."""
    for key, purpose in _PURPOSES.items():
        hours = getattr(spent, key)
        yield purpose, f"{hours:,.0f} h", f"{hours / spent.oracle:.2f} ×"


def _row(episode: Episode, result: Backtest) -> dict[str, str]:
    """An episode as a page shows it."""
    decision = episode.decision
    decided = result.start + STEP * (episode.minute + 1)
    return {
        "when": when(result.start + STEP * episode.first)[:16],
        "lasted": format_duration(STEP * (episode.end - episode.first)),
        "share": _percent(episode.share),
        "instances": str(episode.instances),
        "hours": f"{episode.hours:,.1f} h" if episode.hours < 100 else f"{episode.hours:,.0f} h",
        "cause": episode.cause[:1].upper() + episode.cause[1:] + ".",
        "decided": when(decided)[:16] if decision is not None else "",
        "decision": headline(decision).plain.partition("  ")[2] if decision is not None else "",
        "why": why(decision) if decision is not None else "",
    }


def _rows(scores: dict[str, Score]) -> Iterator[tuple[str, list[str]]]:
    for name, score in scores.items():
        yield (
            name,
            [
                f"{score.cost:.2f}",
                f"{score.violations:.2f}",
                f"{score.excess:.2f}",
                f"{score.instance_hours:,.0f}",
                f"{score.actions_per_day:.1f}",
                f"{score.tau_u:.2f}",
                f"{score.tau_o:.0f}",
            ],
        )
