"""A recorded load, minute by minute: what a simulated fleet is driven with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from forescale.model.errors import TraceError
from forescale.model.sample import Point

STEP = 60.0
"""Seconds between the values of a `Trace`."""

Floats = NDArray[np.float64]

_JITTER = 0.1  # a point may be this share of the step away from its place and still belong there
_FILLED = 0.01  # with fewer of its places filled a grid is a mistake in a time, and may be immense
_PEAK_PERCENTILE = 99.9


@dataclass(frozen=True)
class Trace:
    """A load on a grid of one minute.

    `load` has one value per minute, minute i being [start + 60 i, start + 60 (i + 1)); NaN
    says that nothing was recorded then, which is not the same as 0. `step` is the distance
    in seconds of the points that were recorded and `points` their number; `interpolated`
    says that minutes between recorded points were filled in. `notes` tell, in words, what
    had to be put right in the recording.
    """

    start: float
    load: Floats
    step: float = STEP
    points: int = 0
    interpolated: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Minutes, the absent ones included."""
        return len(self.load)

    @property
    def absent(self) -> int:
        """Minutes without a value."""
        return int(np.isnan(self.load).sum())

    def time(self, minute: int) -> float:
        """Start of a minute, in seconds since the epoch."""
        return self.start + STEP * minute

    def scaled(self, peak_instances: float) -> "Trace":
        """The same load in instances: its 99.9th percentile (of all minutes) is `peak_instances`.

        The capacity of one instance is then 1.0. Raises `TraceError` where there is no load
        to scale.
        """
        peak = float(np.nanpercentile(self.load, _PEAK_PERCENTILE))
        if peak <= 0:
            raise TraceError(
                "the trace is 0 in 99.9 % of its minutes, so it cannot be scaled to instances",
                hint="choose another column: FILE:COLUMN",
            )
        return replace(self, load=self.load * (peak_instances / peak))


def from_points(points: Sequence[Point]) -> Trace:
    """A trace from recorded points, in any order, at any regular step.

    Points at a coarser step than a minute are joined by straight lines, but never across
    an absent one; finer ones are averaged per minute. Rows missing from the grid are
    absent minutes. Raises `TraceError` where there are fewer than two points with a
    value, where two points of one time disagree, or where the step is not regular.
    """
    times, values, notes = _ordered(points)
    step = _step(times)
    grid, moved = _on_grid(times, values, step)
    if moved:
        notes.append(f"{moved} points were up to {_JITTER:.0%} of the step off the grid; moved onto it")
    if step < STEP:
        load = _averaged(grid, times[0], step)
        notes.append(f"points every {step:g} s were averaged to minutes")
    else:
        load = _interpolated(grid, step)
    start = float(times[0] // STEP * STEP)
    return Trace(start, load, step, len(times), step > STEP, tuple(notes))


def _ordered(points: Sequence[Point]) -> tuple[Floats, Floats, list[str]]:
    """Times, values (NaN for absence) and notes; ascending, one point for each time."""
    times = np.array([point.time for point in points], dtype=np.float64)
    values = np.array([np.nan if p.value is None else p.value for p in points], dtype=np.float64)
    notes = []
    if np.any(np.diff(times) < 0):
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        notes.append("rows were not in the order of time; sorted")
    again = np.flatnonzero(np.diff(times) == 0)
    if len(again):
        _refuse_conflict(times, values, again)
        times, values = np.delete(times, again + 1), np.delete(values, again + 1)
        notes.append(f"{len(again)} repeated rows left out")
    _refuse_fewer_than_two(values)
    return times, values, notes


def _refuse_fewer_than_two(values: Floats) -> None:
    known = np.count_nonzero(~np.isnan(values))
    if known < 2:
        raise TraceError(
            f"the trace has a value at {known} points of time: at least two are needed",
            hint="give a CSV whose first column is a time and another a load",
        )


def _refuse_conflict(times: Floats, values: Floats, again: NDArray[np.intp]) -> None:
    for i in again:
        one, other = values[i], values[i + 1]
        if one != other and not (np.isnan(one) and np.isnan(other)):
            raise TraceError(
                f"{_iso(times[i])} is there twice, with the values {one:g} and {other:g}",
                hint="times without a zone repeat when summer time ends, and a file of several series "
                "repeats each time: write times in UTC, one row for each",
            )


def _step(times: Floats) -> float:
    """The most common distance between neighbours; the smaller one where two are as common."""
    counts = Counter(np.diff(times).tolist())
    return float(min(counts, key=lambda gap: (-counts[gap], gap)))


def _on_grid(times: Floats, values: Floats, step: float) -> tuple[Floats, int]:
    """The values at start, start + step, ...; and how many had to be moved a little."""
    places = (times - times[0]) / step
    index = np.rint(places).astype(np.int64)
    off = np.abs(places - index)
    if len(times) < _FILLED * index[-1]:
        raise TraceError(
            f"{len(times)} points, mostly {step:g} s apart, from {_iso(times[0])} to {_iso(times[-1])}: "
            "nearly all of that time is absent",
            hint="check the times of the first and the last rows",
        )
    if np.any(off > _JITTER) or np.any(np.diff(index) == 0):
        far = int(np.argmax(np.where(np.concatenate(([False], np.diff(index) == 0)), 1.0, off)))
        raise TraceError(
            f"the trace is not regular: most points are {step:g} s apart, "
            f"but {_iso(times[far])} follows {_iso(times[max(far - 1, 0)])}",
            hint="resample it to a regular step; leave the value empty where there is none",
        )
    grid = np.full(int(index[-1]) + 1, np.nan)
    grid[index] = values
    return grid, int(np.count_nonzero(off))


def _averaged(grid: Floats, first: float, step: float) -> Floats:
    """The mean of the values present in each minute; NaN where there is none."""
    minute = ((first + step * np.arange(len(grid))) // STEP).astype(np.int64)
    minute -= minute[0]
    known = ~np.isnan(grid)
    count = np.bincount(minute[known], minlength=int(minute[-1]) + 1)
    total = np.bincount(minute[known], weights=grid[known], minlength=int(minute[-1]) + 1)
    mean: Floats = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return mean


def _interpolated(grid: Floats, step: float) -> Floats:
    """The grid at every minute from the first point to the last, on lines between neighbours.

    A minute that falls on a point has its value. One between two points needs both: a line
    from or to an absent point would invent load.
    """
    minutes = int((len(grid) - 1) * step // STEP) + 1
    place = np.arange(minutes) * STEP / step
    left = np.floor(place + 1e-9).astype(np.int64)  # 1e-9: a step such as 420 s meets its points inexactly
    share = np.where(np.abs(place - left) < 1e-9, 0.0, place - left)
    right = np.minimum(left + 1, len(grid) - 1)
    line: Floats = grid[left] + share * (grid[right] - grid[left])
    return np.where(share == 0, grid[left], line)


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
