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
from forescale.ui.report.style import Plot, dates, legend_above, plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS, _NARROW_COLUMNS = 700, 260
"""Minutes are put together where there are more than so many: nobody can see them apart."""

PURPOSES = {
    "needed": ("needed (the oracle pays it too)", style.ORACLE),
    "ahead": ("early, or kept for the next need", "#56b4e9"),
    "spare": ("headroom never called on", "#e69f00"),
    "waiting": ("waiting to scale in", "#cc79a7"),
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
        _shortage(axes, times, short(load, run.serving), size)
        axes.set_ylabel("instances")
        _height(axes, load, run.serving)
        dates(axes, narrow=narrow)
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
            times, low, high, color=style.DEMAND, alpha=0.25, linewidth=0, label=f"its peaks ({_span(size)})"
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


def _shortage(axes: "Axes", times: NDArray[np.datetime64], late: NDArray[np.bool_], size: int) -> None:
    marks = _binned(late.astype(np.float64), size, np.nanmax) > 0
    if not marks.any():
        return
    axes.fill_between(
        times,
        0,
        1,
        where=marks.tolist(),
        step="post",
        transform=axes.get_xaxis_transform(),
        color=style.SHORT,
        alpha=0.35,
        linewidth=0.8,
        label="too little",
    )


def _height(axes: "Axes", load: Floats, serving: Ints) -> None:
    """Up to what there is to see; a spike many times as high would leave nothing of it, and is cut off."""
    known = load[~np.isnan(load)]
    usual = 1.2 * max(np.quantile(known, 0.999) if len(known) else 1.0, float(serving.max(initial=1)))
    peak = float(known.max(initial=0.0))
    if peak <= 2 * usual:
        axes.set_ylim(0, 1.05 * max(usual / 1.2, peak))
        return
    axes.set_ylim(0, usual)
    text = f"cut off here: demand rises to {peak:.0f}"
    axes.annotate(
        text, (0.01, 0.97), xycoords="axes fraction", va="top", color=style.SHORT, backgroundcolor="white"
    )


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
        dates(axes, narrow=narrow)
        legend_above(figure, axes, 2 if narrow else 5)

    return plot("cost", "What each strategy has cost above the oracle, summed up over time", draw)


def money_plot(spendings: Mapping[str, Spending]) -> Plot:
    """What each strategy's instance-hours were spent on, as a multiple of what the oracle pays."""

    def draw(figure: "Figure", narrow: bool) -> None:
        axes = figure.subplots()
        names = list(spendings)
        left = np.zeros(len(names))
        for key, (label, color) in PURPOSES.items():
            width = np.array([getattr(s, key) / (s.needed + s.missing) for s in spendings.values()])
            axes.barh(names, width, left=left, color=color, label=label, height=0.62)
            left += width
        for row, total in enumerate(left.tolist()):
            axes.text(total, row, f" {total:.2f}", va="center", weight="bold")
        axes.axvline(1, color=style.INK, linewidth=0.8, linestyle=":")
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("cost, × oracle")
        legend_above(figure, axes, 1 if narrow else 3)

    return plot("money", "What each strategy's instance-hours were spent on", draw)


def strategies_plot(scores: Mapping[str, Score], curves: Sequence[Curve] = ()) -> Plot:
    """Cost against violations: a point for each strategy, a line for each frontier."""

    def draw(figure: "Figure", narrow: bool) -> None:
        axes = figure.subplots()
        for curve, color in zip(curves, style.SERIES, strict=False):
            _curve(axes, curve, color, narrow=narrow)
        for index, (name, score) in enumerate(scores.items()):
            first = index == 0
            axes.plot(
                score.cost,
                score.violations,
                marker="*" if first else "o",
                markersize=13 if first else 7,
                color=style.SHORT if first else style.INK,
                zorder=3 + first,
            )
            side = _side(score, scores, axes)
            axes.annotate(name, (score.cost, score.violations), weight="bold" if first else "normal", **side)
        _scales(
            axes, [s.violations for s in scores.values()] + [p.violations for c in curves for p in c.points]
        )
        axes.margins(x=0.14)
        axes.set_xlabel("cost, × oracle (left is cheaper)")
        axes.set_ylabel("violations, % of requests")
        if curves:
            legend_above(figure, axes, 1 if narrow else 4)

    return plot("strategies", "Cost and violations of every strategy; best is at the lower left", draw)


def _curve(axes: "Axes", curve: Curve, color: str, *, narrow: bool) -> None:
    costs = [point.cost for point in curve.points]
    failed = [point.violations for point in curve.points]
    axes.plot(costs, failed, marker=".", color=color, linewidth=1.4, label=f"{curve.name}: every setting")
    for point in curve.points[:: 2 if narrow else 1]:
        axes.annotate(
            point.label,
            (point.cost, point.violations),
            xytext=(4, 4),
            textcoords="offset points",
            color=color,
            fontsize="x-small",
        )


def _side(score: Score, scores: Mapping[str, Score], axes: "Axes") -> dict[str, Any]:  # noqa: ARG001
    """Labels go to the left of the dearest points, and to the right of the others."""
    costs = [other.cost for other in scores.values()]
    is_right = score.cost > (min(costs) + max(costs)) / 2
    return {
        "xytext": (-9 if is_right else 9, 5),
        "textcoords": "offset points",
        "ha": "right" if is_right else "left",
    }


def _scales(axes: "Axes", violations: Sequence[float]) -> None:
    """Linear near 0, which happens, and logarithmic above where violations are of several sizes."""
    top = max(violations, default=0.0)
    if top > 1.0:
        axes.set_yscale("symlog", linthresh=0.1, linscale=0.6)
        ticks = [tick for tick in (0, 0.1, 0.3, 1, 3, 10, 30, 100) if tick <= top * 2]
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_ylim(-0.03, top * 1.8)
    else:
        axes.set_ylim(-0.06 * max(top, 0.1), 1.15 * max(top, 0.1))
