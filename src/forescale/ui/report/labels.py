"""Names beside points, none on top of another."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where a name may stand, the best first: its offset in points, and which side of it is at the point.
_PLACES = (
    (8, 4, "left"),
    (-8, 4, "right"),
    (8, -12, "left"),
    (-8, -12, "right"),
    (0, 11, "center"),
    (0, -19, "center"),
    (14, 15, "left"),
    (-14, 15, "right"),
    (14, -24, "left"),
    (-14, -24, "right"),
)
_SMALL_PLACES = ((5, 3, "left"), (-5, 3, "right"), (5, -9, "left"), (-5, -9, "right"))
_WIDTH = 0.62  # of a letter, as a share of its height


@dataclass(frozen=True)
class _Name:
    text: str
    at: tuple[float, float]
    color: str
    bold: bool
    small: bool


Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in pixels."""


class Labels:
    """Gathers names and places them greedily; a small one that finds no place is left out."""

    def __init__(self) -> None:
        self._names: list[_Name] = []

    def want(
        self, text: str, at: tuple[float, float], color: str, *, bold: bool = False, small: bool = False
    ) -> None:
        """A name for the point at these data coordinates; those wanted first are placed first."""
        self._names.append(_Name(text, at, color, bold, small))

    def place(self, axes: "Axes") -> None:
        """Write them, once the axes have their scales and everything else is drawn."""
        from matplotlib import rcParams

        figure = axes.figure
        figure.draw_without_rendering()  # type: ignore[union-attr]
        pixels = figure.dpi / 72
        inside: Box = tuple(axes.get_window_extent().extents)  # type: ignore[assignment]
        size = float(rcParams["font.size"])
        taken = [_around(axes, name.at, 4 * pixels) for name in self._names if not name.small]
        for name in self._names:
            height = size * (0.75 if name.small else 1.0)
            for dx, dy, side in _SMALL_PLACES if name.small else _PLACES:
                box = _box(axes, name, dx, dy, side, height, pixels)
                if _within(box, inside) and not any(_touch(box, other) for other in taken):
                    break
            else:
                if name.small:
                    continue
                dx, dy, side = _PLACES[0]
                box = _box(axes, name, dx, dy, side, height, pixels)
            taken.append(box)
            axes.annotate(
                name.text,
                name.at,
                xytext=(dx, dy),
                textcoords="offset points",
                ha=side,
                color=name.color,
                fontsize=height,
                weight="bold" if name.bold else "normal",
            )


def _around(axes: "Axes", at: tuple[float, float], radius: float) -> Box:
    x, y = axes.transData.transform(at)
    return x - radius, y - radius, x + radius, y + radius


def _box(axes: "Axes", name: _Name, dx: float, dy: float, side: str, height: float, pixels: float) -> Box:
    x, y = axes.transData.transform(name.at)
    width = len(name.text) * height * _WIDTH * pixels * (1.1 if name.bold else 1.0)
    left = x + dx * pixels - {"left": 0.0, "right": width, "center": width / 2}[side]
    bottom = y + (dy - 1) * pixels
    return left, bottom, left + width, bottom + 1.2 * height * pixels


def _within(box: Box, outer: Box) -> bool:
    return box[0] >= outer[0] and box[1] >= outer[1] and box[2] <= outer[2] and box[3] <= outer[3]


def _touch(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
