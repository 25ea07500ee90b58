"""A made-up load that looks like a service's: days, weeks, growth, noise and bursts. Seeded."""

import numpy as np

from forescale.series.trace import STEP, Floats, Trace

_DAY = 1440
_WEEK = 7 * _DAY
_PEAK_HOUR = 14  # of the daily cycle, UTC
_NIGHT = 0.35  # the load of the quietest hour, as a share of the busiest one's
_WEEKEND = 0.7  # likewise Saturday and Sunday, of a weekday
_GROWTH = 0.02  # a week
_NOISE = 0.04  # relative standard deviation of a minute, correlated over some minutes
_MEMORY = 0.8  # correlation of the noise of neighbouring minutes
_BURSTS_PER_DAY = 2.0
_BURST_DECAY = 12.0  # minutes in which a burst falls to 1/e


def daily_load(seed: int, minutes: int, *, start: float = 0.0) -> Trace:
    """A daily and weekly cycle with growth, correlated noise and bursts, `minutes` long.

    `start` is in seconds since the epoch, so that days begin where they do in UTC. The
    same arguments give the same trace. The unit is arbitrary (the busiest hour of the
    first weekday is near 1); scale it to instances. Raises `ValueError` where `minutes` is
    not positive.
    """
    if minutes < 1:
        raise ValueError(f"minutes must be at least 1, not {minutes}")
    rng = np.random.default_rng(seed)
    start = start // STEP * STEP
    clock = start / STEP + np.arange(minutes, dtype=np.float64)
    load = _cycle(clock) * (1 + _GROWTH * np.arange(minutes) / _WEEK)
    load = load * (1 + _noise(rng, minutes)) + _bursts(rng, minutes)
    return Trace(start, np.maximum(load, 0.0), points=minutes)


def _cycle(clock: Floats) -> Floats:
    """The day as a cosine between night and peak hour; less of it on Saturday and Sunday."""
    swing = np.cos(2 * np.pi * (clock / _DAY - _PEAK_HOUR / 24))
    day = (1 + _NIGHT) / 2 + (1 - _NIGHT) / 2 * swing
    weekday = (clock // _DAY + 3) % 7  # the epoch began on a Thursday; 0 is Monday
    weekend: Floats = np.where(weekday >= 5, _WEEKEND, 1.0)
    return day * weekend


def _noise(rng: np.random.Generator, minutes: int) -> Floats:
    """First-order autoregressive noise."""
    shocks = rng.normal(0, _NOISE * np.sqrt(1 - _MEMORY**2), minutes).tolist()
    noise, value = np.empty(minutes), 0.0
    for i, shock in enumerate(shocks):
        value = _MEMORY * value + shock
        noise[i] = value
    return noise


def _bursts(rng: np.random.Generator, minutes: int) -> Floats:
    """Bursts at random times: up at once, heavy-tailed in height, down exponentially."""
    load = np.zeros(minutes)
    shape = np.exp(-np.arange(int(8 * _BURST_DECAY)) / _BURST_DECAY)
    for at in np.flatnonzero(rng.random(minutes) < _BURSTS_PER_DAY / _DAY).tolist():
        height = min(0.15 * (1 + rng.pareto(2.5)), 1.5)
        end = min(at + len(shape), minutes)
        load[at:end] += height * shape[: end - at]
    return load
