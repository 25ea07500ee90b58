"""How plots look: one palette, two shapes. Matplotlib is imported when something is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart by nearly everybody, and by most printers.
DEMAND, CAPACITY, ORACLE, SHORT = "#56b4e9", "#0b4f8a", "#009e73", "#d55e00"
FORECAST, INK, FAINT = "#cc79a7", "#222222", "#8a8f98"
SERIES = ("#0b4f8a", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555")

_DAY = 86400.0
_STEPS = (
    *(60.0 * minutes for minutes in (1, 5, 10, 20, 30, 60, 120, 180, 240, 360, 720)),
    *(_DAY * days for days in (1, 2, 4, 7, 14, 28, 56, 112, 365, 3650)),
)
"""Seconds between the labels of an axis of time."""

_WIDE, _NARROW = (9.6, 3.8), (4.0, 3.4)  # inches
_WIDE_DPI, _NARROW_DPI = 125, 190


@dataclass(frozen=True)
class Plot:
    """A picture in two shapes: for a page, and for a phone; and what it shows in words."""

    name: str
    alt: str
    wide: bytes
    narrow: bytes


Draw = Callable[["Figure", bool], None]
"""Draws on an empty figure; True: for a phone."""


def plot(name: str, alt: str, draw: Draw) -> Plot:
    """Draw in both shapes."""
    return Plot(name, alt, _png(draw, narrow=False), _png(draw, narrow=True))


def _png(draw: Draw, *, narrow: bool) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_settings(narrow=narrow)):
        figure = Figure(figsize=_NARROW if narrow else _WIDE, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure, narrow)
        out = BytesIO()
        figure.savefig(out, format="png", dpi=_NARROW_DPI if narrow else _WIDE_DPI)
    return out.getvalue()


def _settings(*, narrow: bool) -> Any:
    size = 8.5 if narrow else 9.5
    return {
        "font.family": "DejaVu Sans",  # comes with matplotlib, so plots look the same everywhere
        "font.size": size,
        "axes.labelsize": size,
        "axes.edgecolor": FAINT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e4e6ea",
        "grid.linewidth": 0.7,
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
        "legend.fontsize": size,
        "legend.handlelength": 1.4,
        "legend.columnspacing": 1.2,
        "path.simplify": True,
        "savefig.facecolor": "white",
    }


def legend_above(figure: "Figure", axes: "Axes", columns: int) -> None:
    """The legend over the plot, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, borderaxespad=0.2)


def dates(axes: "Axes", start: float, seconds: float, *, narrow: bool) -> None:
    """An axis of time in UTC: few labels at round times, the day where it begins."""
    most = 5 if narrow else 9
    step = next((step for step in _STEPS if seconds / step <= most), _STEPS[-1])
    ticks = [start + (-start) % step + step * i for i in range(int(seconds / step) + 1)]
    ticks = [tick for tick in ticks if tick <= start + seconds]
    places = np.array([int(tick) for tick in ticks], dtype="datetime64[s]")
    axes.set_xticks(places, [_label(tick, step) for tick in ticks])
    axes.margins(x=0)


def _label(time: float, step: float) -> str:
    moment = _moment(time)
    if step >= _DAY or time % _DAY == 0:
        return f"{moment.day} {moment:%b}"
    return f"{moment:%H:%M}"


def _moment(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC)
