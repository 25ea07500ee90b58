"""A signal on a regular grid: what forecasters learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forescale.series.trace import STEP, Trace

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BEYOND = 1e100
"""A number of this size or more is no measurement: it is taken for absence, as inf is."""


@dataclass(frozen=True)
class Series:
    """Values on a regular grid, value i being of [start + step i, start + step (i + 1)).

    `start` is in seconds since the epoch, `step` in seconds; NaN is absence, which is not 0.
    `extras` are further columns on the same grid, by name, known as late as the values are.
    Raises `ValueError` where the values are not one-dimensional or a column has another length.
    """

    start: float
    values: Floats
    step: float = STEP
    extras: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _clean(self.values))
        object.__setattr__(self, "extras", {name: _clean(column) for name, column in self.extras.items()})
        for name, column in self.extras.items():
            if len(column) != len(self.values):
                raise ValueError(f"{name} has {len(column)} values, the series {len(self.values)}")

    def __len__(self) -> int:
        """Steps, the absent ones included."""
        return len(self.values)

    @property
    def end(self) -> float:
        """The end of the last step, in seconds since the epoch."""
        return self.start + self.step * len(self.values)

    @property
    def known(self) -> int:
        """How many values are present."""
        return int(np.count_nonzero(~np.isnan(self.values)))

    def cut(self, first: int, last: int) -> "Series":
        """The steps first, ..., last - 1, at the times they have."""
        extras = {name: column[first:last] for name, column in self.extras.items()}
        return replace(
            self, start=self.start + self.step * first, values=self.values[first:last], extras=extras
        )

    def tail(self, steps: int) -> "Series":
        """The last steps, or all where there are fewer."""
        return self.cut(max(len(self) - steps, 0), len(self))

    def extended(self, new: "Series") -> "Series":
        """With the steps of `new` appended; what came late is filled in, what is known stays.

        Steps between the two are absent, as are columns that `new` lacks in its steps. Steps
        before the start are left out. Raises `ValueError` where the step of `new` is another one.
        """
        if new.step != self.step:
            raise ValueError(f"the step is {new.step:g} s, that of the history {self.step:g} s")
        place = len(self) + round((new.start - self.end) / self.step)
        absent = np.full(len(new), np.nan)
        extras = {
            name: _joined(column, new.extras.get(name, absent), place) for name, column in self.extras.items()
        }
        return replace(self, values=_joined(self.values, new.values, place), extras=extras)


def _joined(old: Floats, new: Floats, place: int) -> Floats:
    """`new` put at its place, from the start on, where `old` has nothing."""
    whole = np.full(max(place + len(new), len(old)), np.nan)
    whole[: len(old)] = old
    part, at = new[max(-place, 0) :], max(place, 0)
    there = whole[at : at + len(part)]
    whole[at : at + len(part)] = np.where(np.isnan(there), part, there)
    return whole


def as_series(data: "Series | Trace | Sequence[float | None] | ArrayLike") -> Series:
    """A series out of whatever holds values: a Series, a Trace, a list or a 1-D array.

    A list or an array is taken for minutes from the epoch on. None, NaN and what is not
    finite are absence. Raises `ValueError` where these are not numbers in one dimension.
    """
    if isinstance(data, Series):
        return data
    if isinstance(data, Trace):
        return Series(data.start, data.load)
    return Series(0.0, np.asarray(data, dtype=np.float64))


def _clean(values: Any) -> Floats:
    """The values as floats in one dimension, what cannot have been measured being absent."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"a series has one dimension, not {array.ndim}")
    wrong = ~(np.abs(array) < BEYOND)
    if np.any(wrong & ~np.isnan(array)):
        array = np.where(wrong, np.nan, array)
    return array
