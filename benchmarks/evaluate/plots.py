"""The plots of the results page: PNG files of a moderate size."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forescale.series.regular import Floats
from forescale.series.trace import STEP
from forescale.sim.measures import short
from forescale.sim.run import Run
from forescale.ui.report import style
from forescale.ui.report.style import dates, legend_above

from .bursts import AROUND, profile, tops
from .frontier import Spot, lower_edge
from .results import TRACKING, Result
from .traces import Load
from .verdicts import REALISED, every_hour, percent
from .work import BUDGET_MODES, TARGETS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_EDGE = "#3b8dbd"  # of the load: its fill, darker
_DAY = 1440
_BUDGET_COLORS = {"1%": style.CAPACITY, "0.1%": style.SHORT}
_CAREFUL = 0.1  # % violated: the frontier is shown to its first setting with no more
_VIOLATION_TICKS = (0, 0.01, 0.1, 1, 10, 100)


@dataclass(frozen=True)
class Drawn:
    """A picture: to which part of the page it belongs, its file, and what it shows."""

    about: str
    file: str
    alt: str


@dataclass(frozen=True)
class Seen:
    """What was forecast and done on one trace, scored minutes only."""

    load: Load
    runs: Mapping[str, Run]
    quantiles: Floats


def draw(folder: Path, results: Sequence[Result], seen: Callable[[Result], Seen]) -> list[Drawn]:
    """Draw all, replacing what was drawn before."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    drawn = []
    for picture, paint, size in _pictures(results, seen):
        (folder / picture.file).write_bytes(_png(paint, size))
        drawn.append(picture)
    return drawn


_Paint = Callable[["Figure"], None]
_Size = tuple[float, float]


def _pictures(
    results: Sequence[Result], seen: Callable[[Result], Seen]
) -> Iterator[tuple[Drawn, _Paint, _Size]]:
    for kind in dict.fromkeys(result.kind for result in results):
        of_kind = [r for r in results if r.kind == kind]
        some = [r for r in of_kind if r.main.frontier]
        if some:
            rows = -(-len(some) // 3)
            alt = (
                f"Cost and violations on {kind} loads; the lower left is best. "
                "A line joins each status-quo run with the target tracking that it is held against"
            )
            yield Drawn(kind, f"frontier-{kind}.png", alt), _frontiers(some), (9.6, 0.6 + 2.9 * rows)
        shown = next((r for r in of_kind if "1%" in r.main.budgets), None)
        if shown is not None:
            alt = f"Two days of {shown.title} with a budget of 1 %: load, forecast and capacity"
            yield Drawn(kind, f"days-{kind}.png", alt), _two_days(seen(shown)), (9.6, 3.4)
        for result in of_kind:
            if result.bursts is not None and every_hour(result):
                alt = (
                    f"The {result.bursts.bursts:,} bursts of {result.title}, laid over each other: "
                    "capacity before the load comes"
                )
                yield Drawn(kind, f"bursts-{result.slug}.png", alt), _bursts(seen(result)), (9.6, 3.4)
    asked = [r for r in results if r.main.budgets]
    if asked:
        alt = "Violations realised, as a multiple of the budget that was asked for"
        yield Drawn("budgets", "budgets.png", alt), _budgets(asked), (9.6, 1.3 + 0.3 * len(asked))


def _png(paint: _Paint, size: _Size) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_settings()):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        paint(figure)
        out = BytesIO()
        figure.savefig(out, format="png", dpi=_DPI)
    return _smaller(out)


def _smaller(png: BytesIO) -> bytes:
    """The same in few colours: plots have no more, and a repository keeps every version of them."""
    from PIL import Image

    out = BytesIO()
    few = Image.open(png).convert("RGB").quantize(colors=128, dither=Image.Dither.NONE)
    few.save(out, format="png", optimize=True)
    return out.getvalue()


def _settings() -> Any:
    return {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.edgecolor": style.FAINT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e4e6ea",
        "grid.linewidth": 0.7,
        "text.color": style.INK,
        "axes.labelcolor": style.INK,
        "xtick.color": style.INK,
        "ytick.color": style.INK,
        "legend.frameon": False,
        "legend.handlelength": 1.4,
        "savefig.facecolor": "white",
    }


def _frontiers(results: Sequence[Result]) -> _Paint:
    def paint(figure: "Figure") -> None:
        columns = min(len(results), 3)
        rows = -(-len(results) // columns)
        grid = figure.subplots(rows, columns, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place >= len(results):
                axes.set_visible(False)
                continue
            _frontier(axes, results[place])
            if place % columns == 0:
                axes.set_ylabel("violations, % of requests")
            if place + columns >= len(results):
                axes.set_xlabel("cost, × oracle")
        legend_above(figure, grid[0, 0], 6)

    return paint


def _frontier(axes: "Axes", result: Result) -> None:
    ahead = result.main
    edge = lower_edge(ahead.frontier)
    axes.plot(
        *_xy(edge), color=style.FAINT, marker=".", markersize=4, linewidth=1.4, label="frontier, fixed prices"
    )
    tracking = [ahead.baselines[f"target-tracking:{target}"] for target in TARGETS]
    axes.plot(*_xy(tracking), "s", color=style.INK, markersize=5, label="target tracking")
    quo = list(ahead.status_quo.values())
    for target, spot in ahead.status_quo.items():
        pair = [ahead.baselines[f"target-tracking:{target}"], spot]
        axes.plot(*_xy(pair), color=style.ORACLE, linewidth=0.8, alpha=0.6)
    if quo:
        axes.plot(*_xy(quo), "D", color=style.ORACLE, markersize=5, fillstyle="none", label="status-quo")
    for budget, spot in ahead.budgets.items():
        color = _BUDGET_COLORS[budget]
        label = f"budget {budget.replace('%', ' %')}"
        axes.axhline(percent(budget), color=color, linewidth=0.8, linestyle=":")
        axes.plot(spot.cost, spot.violations, "*", color=color, markersize=11, label=label, zorder=4)
    for target, spot in zip(TARGETS, tracking, strict=True):
        axes.annotate(target, (spot.cost, spot.violations), (5, 4), textcoords="offset points", fontsize=7.5)
    axes.set_title(result.title)
    careful = [spot for spot in edge if spot.violations <= _CAREFUL]
    shown = [spot for spot in edge if spot not in careful] + careful[:1]
    _scales(axes, [*shown, *tracking, *quo, *ahead.budgets.values()])


def _scales(axes: "Axes", spots: Sequence[Spot]) -> None:
    costs, most = [spot.cost for spot in spots], max(spot.violations for spot in spots)
    most_cost = max(costs)
    width = max(most_cost - min(min(costs), 1.0), 0.1)
    axes.set_xlim(min(min(costs), 1.0) - 0.04 * width, most_cost + 0.12 * width)
    axes.set_yscale("symlog", linthresh=0.01, linscale=0.5)
    ticks = [tick for tick in _VIOLATION_TICKS if tick <= max(10 * most, 1)]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_ylim(-0.004, max(2 * most, 1.5))
    axes.minorticks_off()


def _xy(spots: Sequence[Spot]) -> tuple[list[float], list[float]]:
    return [spot.cost for spot in spots], [spot.violations for spot in spots]


def _two_days(seen: Seen) -> _Paint:
    first = _begin(seen.load)
    part = slice(first, first + 2 * _DAY)
    load, said = seen.load.scored[part], seen.quantiles[part]
    serving = seen.runs[BUDGET_MODES["1%"].label].serving[part]
    start = seen.load.trace.time(seen.load.warmup + first)

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        times = _times(start, len(load))
        axes.fill_between(times, 0, load, color=style.DEMAND, alpha=0.55, linewidth=0, label="load")
        axes.plot(times, load, color=_EDGE, linewidth=0.5)
        axes.fill_between(
            times,
            said[:, 0],
            said[:, 2],
            color=style.FORECAST,
            alpha=0.45,
            linewidth=0,
            label="forecast of the next 5 min, 50-99 %",
        )
        axes.step(times, serving, where="post", color=style.CAPACITY, linewidth=1.1, label="capacity serving")
        late = short(load, serving)
        if late.any():
            axes.fill_between(
                times,
                0,
                1,
                where=late.tolist(),
                transform=axes.get_xaxis_transform(),
                color=style.SHORT,
                alpha=0.5,
                linewidth=0.8,
                label="too little",
            )
        top = max(float(np.nanmax(load)), float(serving.max()), float(np.nanquantile(said[:, 2], 0.995)))
        axes.set_ylim(0, 1.05 * top)
        axes.set_ylabel("instances")
        dates(axes, start, STEP * len(load), narrow=False)
        legend_above(figure, axes, 4)

    return paint


def _begin(load: Load) -> int:
    """The midnight from which two whole days of the middle of the scored part can be shown."""
    middle = max(len(load.scored) // 2 - _DAY, 0)
    since = int(load.trace.time(load.warmup + middle) // STEP) % _DAY
    return int(max(middle - since, 0))


def _times(start: float, minutes: int) -> NDArray[np.datetime64]:
    return np.datetime64(int(start), "s") + (np.arange(minutes) * int(STEP)).astype("timedelta64[s]")


def _bursts(seen: Seen) -> _Paint:
    load, at = seen.load.scored, tops(seen.load.scored)
    minutes = np.arange(-AROUND, AROUND + 1)

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        low, middle, high = (profile(load, at, share) for share in (0.1, 0.5, 0.9))
        axes.fill_between(
            minutes, low, high, color=style.DEMAND, alpha=0.45, linewidth=0, label="load, 10-90 % of bursts"
        )
        axes.plot(minutes, middle, color=style.DEMAND, linewidth=1.6, label="median")
        lines = (
            (BUDGET_MODES["1%"].label, "forescale, budget 1 %", style.CAPACITY, "-"),
            (BUDGET_MODES["0.1%"].label, "0.1 %", style.SHORT, "-"),
            (TRACKING, "target tracking, 60 %", style.INK, "--"),
        )
        for label, name, color, dash in lines:
            if label in seen.runs:
                capacity = profile(seen.runs[label].serving.astype(np.float64), at, 0.5)
                axes.step(
                    minutes, capacity, where="mid", color=color, linestyle=dash, linewidth=1.6, label=name
                )
        axes.set_xlabel("minutes before and after the top of a burst; capacity is the median over all")
        axes.set_ylabel("instances")
        axes.set_ylim(0, None)
        axes.margins(x=0)
        legend_above(figure, axes, 5)

    return paint


def _budgets(results: Sequence[Result]) -> _Paint:
    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        rows = np.arange(len(results))
        axes.axvspan(*REALISED, color=style.ORACLE, alpha=0.14, linewidth=0, label="promised")
        axes.axvline(1, color=style.ORACLE, linewidth=1)
        for (budget, color), marker, shift in zip(_BUDGET_COLORS.items(), "o^", (-0.12, 0.12), strict=True):
            found = [(row, r.main.budgets.get(budget)) for row, r in zip(rows, results, strict=True)]
            places = [(row, spot.violations / percent(budget)) for row, spot in found if spot is not None]
            axes.plot(
                [max(ratio, 0.02) for _, ratio in places],
                [row + shift for row, _ in places],
                marker,
                color=color,
                markersize=6.5,
                label=f"budget {budget.replace('%', ' %')}",
            )
        axes.set_xscale("log")
        ratios = [s.violations / percent(b) for r in results for b, s in r.main.budgets.items()]
        axes.set_xlim(0.017, max(4.0, 1.5 * max(ratios)))
        ticks = [t for t in (0.02, 0.1, 0.3, 1, 1.2, 3, 10, 30) if t <= axes.get_xlim()[1] and t != 1.2]
        axes.set_xticks(ticks, ["≤ 0.02" if t == 0.02 else f"{t:g}" for t in ticks])
        axes.minorticks_off()
        axes.set_yticks(rows, [r.title if r.judged else f"({r.title})" for r in results])
        axes.set_ylim(len(results) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("violations realised, × budget")
        legend_above(figure, axes, 3)

    return paint
