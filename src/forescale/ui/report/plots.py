"""The plots of a report. Pure data in, PNG out."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forescale.series.trace import STEP, Floats
from forescale.sim.comparison import Curve
from forescale.sim.measures import Score, short
from forescale.sim.oracle import Ints
from forescale.sim.run import Run
from forescale.sim.spending import Spending
from forescale.ui.report import style
from forescale.ui.report.labels import Labels
from forescale.ui.report.style import Plot, dates, legend_above, plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS, _NARROW_COLUMNS = 700, 260
"""Minutes are put together where there are more than so many: nobody can see them apart."""

_SOME = 10  # minutes
_DEPTH = 0.5  # of the plot's height, for a time in which all requests failed

PURPOSES = {
    "needed": ("needed (the oracle pays it too)", style.ORACLE),
    "headroom": ("headroom", "#56b4e9"),
    "waiting": ("waiting to scale in", "#e69f00"),
    "booting": ("booting", "#8a8f98"),
}


def demand_plot(name: str, alt: str, start: float, load: Floats, run: Run, quantiles: Floats | None) -> Plot:
    """Demand, forecast and capacity over time, and where there was too little.

    `quantiles` has the 50th, 90th and 99th percentiles of what was forecast at each minute.
    """

    def draw(figure: "Figure", narrow: bool) -> None:
        axes = figure.subplots()
        size = max(-(-len(load) // (_NARROW_COLUMNS if narrow else _COLUMNS)), 1)
        times = _times(start, len(load), size)
        _demand(axes, times, load, size)
        if quantiles is not None:
            _forecast(axes, times, quantiles, size)
        _capacity(axes, times, run.serving, size)
        _shortage(axes, times, load, run.serving, size)
        axes.set_ylabel("instances")
        _height(axes, load, run.serving)
        dates(axes, start, STEP * len(load), narrow=narrow)
        legend_above(figure, axes, 2 if narrow else 5)

    return plot(name, alt, draw)


def _times(start: float, minutes: int, size: int) -> NDArray[np.datetime64]:
    first = np.datetime64(int(start), "s")
    return first + (np.arange(0, minutes, size) * int(STEP)).astype("timedelta64[s]")


def _binned(values: NDArray[Any], size: int, function: Any) -> Floats:
    """The function over each `size` minutes; NaN where all are."""
    padded = np.full(-(-len(values) // size) * size, np.nan)
    padded[: len(values)] = values
    rows = padded.reshape(-1, size)
    known = ~np.isnan(rows).all(axis=1)
    out = np.full(len(rows), np.nan)
    out[known] = function(rows[known], axis=1)
    return out


def _demand(axes: "Axes", times: NDArray[np.datetime64], load: Floats, size: int) -> None:
    high = _binned(load, size, np.nanmax)
    low = _binned(load, size, np.nanmean) if size > 1 else high
    axes.fill_between(times, 0, low, color=style.DEMAND, alpha=0.55, linewidth=0, label="demand")
    if size > 1:
        axes.fill_between(
            times,
            low,
            high,
            color=style.DEMAND,
            alpha=0.25,
            linewidth=0,
            label=f"its highest in {_span(size)}",
        )


def _forecast(axes: "Axes", times: NDArray[np.datetime64], quantiles: Floats, size: int) -> None:
    middle, high, top = (_binned(quantiles[:, i], size, np.nanmax) for i in range(3))
    axes.plot(times, middle, color=style.FORECAST, linewidth=1, label="forecast, median")
    axes.fill_between(
        times, middle, high, color=style.FORECAST, alpha=0.35, linewidth=0, label="to its 90th percentile"
    )
    axes.fill_between(times, high, top, color=style.FORECAST, alpha=0.18, linewidth=0, label="to its 99th")


def _capacity(axes: "Axes", times: NDArray[np.datetime64], serving: Ints, size: int) -> None:
    lowest = _binned(serving.astype(np.float64), size, np.nanmin)
    axes.step(times, lowest, where="post", color=style.CAPACITY, linewidth=1.5, label="capacity serving")


def _shortage(axes: "Axes", times: NDArray[np.datetime64], load: Floats, serving: Ints, size: int) -> None:
    """Where there was too little: marked all the way up on a day; from above, by its share, on more."""
    failed = _binned(np.nan_to_num(load) * short(load, serving), size, np.sum)
    if not failed.any():
        return
    depth = np.ones(len(failed))
    if size > _SOME:
        asked = _binned(np.nan_to_num(load), size, np.sum)
        share = np.divide(failed, asked, out=np.zeros(len(failed)), where=asked > 0)
        depth = _DEPTH * share
    axes.fill_between(
        times,
        1 - depth,
        1,
        where=(failed > 0).tolist(),
        step="post",
        transform=axes.get_xaxis_transform(),
        color=style.SHORT,
        alpha=0.35 if size <= _SOME else 0.9,
        linewidth=0.8,
        label="too little" if size <= _SOME else "too little (share of requests)",
    )


def _height(axes: "Axes", load: Floats, serving: Ints) -> None:
    """Up to what there is to see; a spike many times as high would leave nothing of it, and is cut off."""
    known = load[~np.isnan(load)]
    usual = 1.2 * max(np.quantile(known, 0.99) if len(known) else 1.0, float(serving.max(initial=1)))
    peak = float(known.max(initial=0.0))
    if peak <= 2 * usual:
        axes.set_ylim(0, 1.05 * max(usual / 1.2, peak))
        return
    axes.set_ylim(0, usual)
    axes.set_xlabel(f"demand is cut off at {usual:.0f}; it rises to {peak:.0f}", color=style.SHORT)


def _span(minutes: int) -> str:
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def cost_plot(start: float, runs: Mapping[str, Run], best: Ints) -> Plot:
    """What each strategy has cost above the oracle, up to each moment."""

    def draw(figure: "Figure", narrow: bool) -> None:
        axes = figure.subplots()
        size = max(len(best) // (_NARROW_COLUMNS if narrow else _COLUMNS), 1)
        times = _times(start, len(best), size)
        for (name, run), color in zip(runs.items(), style.SERIES, strict=False):
            above = np.cumsum(run.billed - best)[::size] / 60
            axes.plot(times, above, label=name, color=color, linewidth=1.6)
        axes.axhline(0, color=style.INK, linewidth=1, linestyle=":", label="oracle")
        axes.set_ylabel("instance-hours above the oracle")
        dates(axes, start, STEP * len(best), narrow=narrow)
        legend_above(figure, axes, 2 if narrow else 5)

    return plot("cost", "What each strategy has cost above the oracle, summed up over time", draw)


def money_plot(spendings: Mapping[str, Spending]) -> Plot:
    """What each strategy's instance-hours were spent on, as a multiple of what the oracle pays."""

    def draw(figure: "Figure", narrow: bool) -> None:
        axes = figure.subplots()
        names = list(spendings)
        left = np.zeros(len(names))
        for key, (label, color) in PURPOSES.items():
            width = np.array([getattr(s, key) / s.oracle for s in spendings.values()])
            axes.barh(names, width, left=left, color=color, label=label, height=0.62)
            left += width
        for row, total in enumerate(left.tolist()):
            axes.text(total, row, f" {total:.2f}", va="center", weight="bold")
        axes.axvline(1, color=style.INK, linewidth=0.8, linestyle=":")
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("cost, × oracle")
        legend_above(figure, axes, 1 if narrow else 4)

    return plot("money", "What each strategy's instance-hours were spent on", draw)


def strategies_plot(scores: Mapping[str, Score], curves: Sequence[Curve] = ()) -> Plot:
    """Cost against violations: a point for each strategy, a line for each frontier."""

    def draw(figure: "Figure", narrow: bool) -> None:
        axes = figure.subplots()
        points = [(s.cost, s.violations) for s in scores.values()]
        labels = Labels()
        for curve, color in zip(curves, style.SERIES, strict=False):
            line = [(point.cost, point.violations) for point in curve.points]
            axes.plot(*zip(*line, strict=True), marker=".", color=color, linewidth=1.4, label=curve.name)
            points += line
        for index, (name, score) in enumerate(scores.items()):
            first = index == 0
            marker, size, color = ("*", 13, style.SHORT) if first else ("o", 7, style.INK)
            axes.plot(
                score.cost, score.violations, marker=marker, markersize=size, color=color, zorder=3 + first
            )
            labels.want(name, (score.cost, score.violations), style.INK, bold=first)
        for curve, color in zip(curves, style.SERIES, strict=False):
            for point in curve.points:
                labels.want(point.label, (point.cost, point.violations), color, small=True)
        _scales(axes, points)
        if curves:
            legend_above(figure, axes, 2 if narrow else 4)
        labels.place(axes)

    return plot("strategies", "Cost and violations of every strategy; best is at the lower left", draw)


def _scales(axes: "Axes", points: Sequence[tuple[float, float]]) -> None:
    """Cost in equal ratios; violations too where they differ much, but for those near 0."""
    costs, top = [cost for cost, _ in points], max(failed for _, failed in points)
    axes.set_xscale("log")
    axes.set_xlim(min(costs) / 1.08, max(costs) * 1.12)
    ticks = [t for t in (0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 20, 50) if t <= max(costs) * 1.12]
    axes.set_xticks([t for t in ticks if t >= min(costs) / 1.08])
    axes.xaxis.set_major_formatter("{x:g}")
    if top > 1.0:
        axes.set_yscale("symlog", linthresh=0.1, linscale=0.6)
        marks = [tick for tick in (0, 0.1, 0.3, 1, 3, 10, 30, 100) if tick <= top * 2]
        axes.set_yticks(marks, [f"{tick:g}" for tick in marks])
        axes.set_ylim(-0.04, top * 1.8)
    else:
        axes.set_ylim(-0.08 * max(top, 0.1), 1.2 * max(top, 0.1))
    axes.minorticks_off()
    axes.set_xlabel("cost, × oracle (left is cheaper)")
    axes.set_ylabel("violations, % of requests")
