"""A synthetic load of parts that can be sized: cycles, trend, noise, bursts, outages, shifts. Seeded.

Each part draws from a generator of its own, made from the seed and the part's name: switching one
on or off leaves the others as they were. What was put in is told beside the load (`Mark`), so that
whatever finds outages or shifts can be tested against the truth.
"""

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from forescale.series.trace import STEP, Floats, Trace

_HOUR, _DAY = 60, 1440
_WEEK = 7 * _DAY
_PEAK_HOUR = 14  # of the daily cycle, UTC
_MEMORY = 0.8  # correlation of the noise of neighbouring minutes
_BURST_DECAY = 12.0  # minutes in which a burst falls to 1/e
_BURST_TAIL = 2.5  # Pareto exponent of the heights: heavy, with a finite variance
_TALLEST = 10.0  # of a burst, as a multiple of the usual one
_HOURLY_MINUTES = 4
_SHORTEST_OUTAGE = 3
# One stream of random numbers a part. Never renumber: that would change what a seed makes.
_STREAMS = {"noise": 1, "bursts": 2, "outages": 3, "shifts": 4}


@dataclass(frozen=True)
class Shape:
    """How large each part of a synthetic load is; 0 leaves it out."""

    daily: float = 0.65
    """What the quietest hour of the day lacks of the busiest one's, from 0 to 1."""
    weekly: float = 0.3
    """What Saturday and Sunday lack of a weekday, from 0 to 1."""
    trend: float = 0.02
    """Growth a week, of the first week's load; negative where it shrinks."""
    noise: float = 0.04
    """Relative standard deviation of a minute, correlated over some minutes."""
    bursts: float = 2.0
    """Bursts a day, at random times: up at once, down within half an hour."""
    burst_size: float = 0.15
    """The height of the smallest burst, of the busiest hour's load; heavy-tailed above."""
    hourly: float = 0.0
    """A burst of four minutes at every full hour, of the busiest hour's load."""
    outages: float = 0.0
    """Outages a week, at random times."""
    outage_minutes: float = 20.0
    """Their mean length."""
    outage_kind: Literal["zero", "absent"] = "zero"
    """What is recorded in an outage: no load, or nothing at all."""
    shifts: float = 0.0
    """Lasting changes of level in four weeks, at random times."""
    shift_size: float = 0.5
    """How large such a change is: 0.5 is to 1.5 times the level, or to 1/1.5 of it."""

    def __post_init__(self) -> None:
        """Raises `ValueError` for a size that makes no sense."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str) and (
                not np.isfinite(value) or (value < 0 and field.name != "trend")
            ):
                raise ValueError(f"{field.name} must be 0 or more, not {value}")
        for name in ("daily", "weekly"):
            if getattr(self, name) > 1:
                raise ValueError(f"{name} is a share from 0 to 1, not {getattr(self, name)}")
        if self.outages and self.outage_minutes < _SHORTEST_OUTAGE:
            raise ValueError(f"outage_minutes must be at least {_SHORTEST_OUTAGE}, not {self.outage_minutes}")


@dataclass(frozen=True)
class Mark:
    """Something that was put into a load: when, in seconds since the epoch, and what.

    `size` is the height of a burst (of the busiest hour's load) or the factor of a shift; a shift
    lasts to the end of the load, or to the next one.
    """

    kind: Literal["burst", "outage", "shift"]
    start: float
    end: float
    size: float = 0.0


@dataclass(frozen=True)
class Synthetic:
    """A made load and what is in it, by time."""

    trace: Trace
    marks: tuple[Mark, ...]


def synthesise(shape: Shape, seed: int, minutes: int, *, start: float = 0.0) -> Synthetic:
    """A load of `minutes` minutes; the busiest hour of a weekday is near 1.

    Args:
        shape: the sizes of its parts.
        seed: the same arguments give the same load.
        minutes: how long.
        start: seconds since the epoch, so that days begin where they do in UTC.

    Raises:
        ValueError: `minutes` is not positive.
    """
    if minutes < 1:
        raise ValueError(f"minutes must be at least 1, not {minutes}")
    start = start // STEP * STEP
    clock = start / STEP + np.arange(minutes, dtype=np.float64)
    level, shifts = _shifts(shape, seed, start, minutes)
    growth = np.maximum(1 + shape.trend * np.arange(minutes) / _WEEK, 0.0)
    load = _cycle(shape, clock) * growth * level * (1 + _noise(shape, seed, minutes))
    extra, bursts = _bursts(shape, seed, start, minutes)
    load = np.maximum(load + (extra + _hourly(shape, clock)) * growth * level, 0.0)
    load, outages = _outages(shape, seed, start, load)
    marks = tuple(sorted((*shifts, *bursts, *outages), key=lambda mark: mark.start))
    return Synthetic(Trace(start, load, points=minutes), marks)


def _stream(seed: int, part: str) -> np.random.Generator:
    return np.random.default_rng((seed, _STREAMS[part]))


def _cycle(shape: Shape, clock: Floats) -> Floats:
    """The day as a cosine between night and peak hour; less of it on Saturday and Sunday."""
    swing = np.cos(2 * np.pi * (clock / _DAY - _PEAK_HOUR / 24))
    day = 1 - shape.daily * (1 - swing) / 2
    weekday = (clock // _DAY + 3) % 7  # the epoch began on a Thursday; 0 is Monday
    cycle: Floats = day * np.where(weekday >= 5, 1 - shape.weekly, 1.0)
    return cycle


def _noise(shape: Shape, seed: int, minutes: int) -> Floats:
    """First-order autoregressive noise, its first value drawn from the stationary distribution."""
    if not shape.noise:
        return np.zeros(minutes)
    shocks = _stream(seed, "noise").normal(0.0, shape.noise, minutes)
    shocks[1:] *= np.sqrt(1 - _MEMORY**2)
    noise: list[float] = []
    value = 0.0
    for shock in shocks.tolist():
        value = _MEMORY * value + shock if noise else shock
        noise.append(value)
    return np.array(noise)


def _times(rng: np.random.Generator, minutes: int, per_minute: float) -> NDArray[np.intp]:
    """Minutes at which something happens: a Poisson process, at most one a minute."""
    return np.flatnonzero(rng.random(minutes) < per_minute)


def _bursts(shape: Shape, seed: int, start: float, minutes: int) -> tuple[Floats, list[Mark]]:
    """Bursts at random times: up at once, heavy-tailed in height, down exponentially."""
    load, marks = np.zeros(minutes), []
    rng = _stream(seed, "bursts")
    form = np.exp(-np.arange(int(8 * _BURST_DECAY)) / _BURST_DECAY)
    for at in _times(rng, minutes, shape.bursts / _DAY).tolist():
        height = shape.burst_size * min(1 + float(rng.pareto(_BURST_TAIL)), _TALLEST)
        end = min(at + len(form), minutes)
        load[at:end] += height * form[: end - at]
        marks.append(Mark("burst", start + STEP * at, start + STEP * end, height))
    return load, marks


def _hourly(shape: Shape, clock: Floats) -> Floats:
    bursts: Floats = np.where(clock % _HOUR < _HOURLY_MINUTES, shape.hourly, 0.0)
    return bursts


def _shifts(shape: Shape, seed: int, start: float, minutes: int) -> tuple[Floats, list[Mark]]:
    """The level as a factor; up or down with the same probability, up and down cancel out."""
    level, marks = np.ones(minutes), []
    rng = _stream(seed, "shifts")
    times = _times(rng, minutes, shape.shifts / (4 * _WEEK)).tolist()
    for at, end in zip(times, [*times[1:], minutes], strict=False):
        factor = (1 + shape.shift_size) ** (1 if rng.random() < 0.5 else -1)
        level[at:] *= factor
        marks.append(Mark("shift", start + STEP * at, start + STEP * end, factor))
    return level, marks


def _outages(shape: Shape, seed: int, start: float, load: Floats) -> tuple[Floats, list[Mark]]:
    """Outages of exponential length, at least three minutes; they do not overlap."""
    load, marks, free = load.copy(), [], 0
    rng = _stream(seed, "outages")
    for at in _times(rng, len(load), shape.outages / _WEEK).tolist():
        longer = float(rng.exponential(shape.outage_minutes - _SHORTEST_OUTAGE))
        end = min(at + _SHORTEST_OUTAGE + round(longer), len(load))
        if at < free:
            continue
        load[at:end] = 0.0 if shape.outage_kind == "zero" else np.nan
        marks.append(Mark("outage", start + STEP * at, start + STEP * end))
        free = end + 1
    return load, marks
