"""A small picture for a terminal: demand as bars, capacity as a line above them."""

from collections.abc import Sequence
from math import ceil, isnan

from rich.text import Text

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LINES = "▁━▔"  # low, in the middle, high in its row


def chart(demand: Sequence[float | None], capacity: Sequence[int], *, width: int, height: int) -> Text:
    """Demand and capacity, both in instances and of equal length, in `height` lines of text.

    Several minutes share a column: it shows their highest demand and their lowest capacity,
    and is red if demand was above capacity in any of them.
    """
    columns = [_column(demand[a:b], capacity[a:b]) for a, b in _cuts(len(demand), width)]
    top = max([1.0, *(d for d, _, _ in columns), *(float(c) for _, c, _ in columns)])
    scale = height / (top * 1.05)
    text = Text()
    for row in range(height - 1, -1, -1):
        label = f"{(row + 0.5) / scale:5.0f} ┤" if row % 3 == 1 else "      │"
        text.append(label, "dim")
        for load, line, short in columns:
            text.append(*_cell(load * scale, line * scale, row, short=short))
        text.append("\n")
    text.append("      └" + "─" * len(columns), "dim")
    return text


def sparkline(values: Sequence[float], *, width: int) -> str:
    """One line of blocks, a column for the highest of several values; a blank where all are NaN."""
    tops = []
    for a, b in _cuts(len(values), width):
        known = [value for value in values[a:b] if not isnan(value)]
        tops.append(max(known, default=0.0))
    highest = max(tops, default=0.0) or 1.0
    return "".join(_EIGHTHS[round(max(top, 0.0) / highest * 8)] for top in tops)


def _cuts(length: int, width: int) -> list[tuple[int, int]]:
    size = max(ceil(length / max(width, 1)), 1)
    return [(i, min(i + size, length)) for i in range(0, length, size)]


def _column(demand: Sequence[float | None], capacity: Sequence[int]) -> tuple[float, int, bool]:
    known = [(d, c) for d, c in zip(demand, capacity, strict=True) if d is not None]
    return max((d for d, _ in known), default=0.0), min(capacity), any(d > c for d, c in known)


def _cell(level: float, line: float, row: int, *, short: bool) -> tuple[str, str]:
    """One character: the capacity line where it crosses this row, else the demand's bar."""
    filled = min(max(level - row, 0.0), 1.0)
    if row < line <= row + 1:
        glyph = _LINES[min(int((line - row) * len(_LINES)), len(_LINES) - 1)]
        return glyph, "bold bright_yellow" + (" on red" if short else " on green" if filled == 1 else "")
    return _EIGHTHS[round(filled * 8)], "red" if short else "green"
