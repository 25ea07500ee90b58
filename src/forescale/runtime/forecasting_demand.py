"""The demand of a target, minute by minute: what its forecasts are made from and its models learn from."""

from collections.abc import Iterable

import numpy as np

from forescale.model.sample import Load
from forescale.series.regular import Floats, Series

MINUTE = 60.0


class Demand:
    """Demand and instances in service on the grid of minutes; NaN where not known.

    A wider bucket counts for each of its minutes, narrower ones by their mean. What comes late or
    is corrected goes where it belongs; what lies before the `keep` newest minutes is forgotten.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._first = 0  # the minute, since the epoch, of the first value
        self._demand, self._serving = np.empty(0), np.empty(0)
        self._heard: tuple[Load, ...] = ()

    def __len__(self) -> int:
        """Minutes, the unknown ones included."""
        return len(self._demand)

    @property
    def end(self) -> float:
        """The end of the newest minute, in seconds since the epoch; 0 where there is none."""
        return (self._first + len(self)) * MINUTE if len(self) else 0.0

    @property
    def known(self) -> int:
        """How many minutes are known."""
        return int(np.count_nonzero(~np.isnan(self._demand)))

    def hear(self, loads: tuple[Load, ...], period: float, now: float) -> None:
        """What the engine has reckoned of late, in buckets of `period` seconds; complete ones count."""
        if loads is self._heard:
            return
        whole = [load for load in loads if load.time + period <= now]
        self._heard = loads if len(whole) == len(loads) else ()
        if period < MINUTE:
            whole = list(_minutes(whole, now))
        for load in whole:
            if load.demand is not None:
                self._put(load.time, max(period, MINUTE), load.demand, load.serving)

    def fill(self, times: Floats, demand: Floats, serving: Floats, step: float) -> None:
        """A past, in buckets of `step` seconds, whole minutes. What is known already stays."""
        known = ~np.isnan(demand)
        if not known.any():
            return
        minutes, width = (times[known] // MINUTE).astype(np.int64), max(round(step / MINUTE), 1)
        past = Demand(self._keep)
        past._reach(int(minutes.min()), int(minutes.max()) + width)
        for offset in range(width):
            past._demand[minutes - past._first + offset] = demand[known]
            past._serving[minutes - past._first + offset] = serving[known]
        self._put_beneath(past)

    def take(self, start: float, demand: Floats, serving: Floats) -> None:
        """Minutes that were kept from before. What is known already stays."""
        past = Demand(self._keep)
        past._first, past._demand, past._serving = round(start / MINUTE), demand.copy(), serving.copy()
        self._put_beneath(past)

    def cut_off(self, now: float) -> None:
        """Forget what lies ahead: the clock has been put back."""
        length = max(int(now // MINUTE) - self._first, 0)
        self._demand, self._serving = self._demand[:length], self._serving[:length]

    def series(self) -> Series:
        """The demand, as it is now: it does not change with what is heard later."""
        return Series(self._first * MINUTE, self._demand.copy())

    def serving(self) -> Floats:
        """The instances in service, minute by minute like `series`."""
        return self._serving.copy()

    def _put_beneath(self, past: "Demand") -> None:
        """Take over a past, but for what is known here."""
        if not len(past):
            return
        first, demand, serving = self._first, self._demand, self._serving
        self._first, self._demand, self._serving = past._first, past._demand, past._serving
        if len(demand):
            self._reach(first, first + len(demand))
            here = slice(first - self._first, first - self._first + len(demand))
            known = ~np.isnan(demand)
            self._demand[here][known], self._serving[here][known] = demand[known], serving[known]
        self._trim()

    def _put(self, time: float, width: float, demand: float, serving: float) -> None:
        first, last = int(time // MINUTE), int(-(-(time + width) // MINUTE))
        if len(self) and last <= self._first + len(self) - self._keep:
            return
        self._reach(first, last)
        place = slice(max(first - self._first, 0), last - self._first)
        self._demand[place], self._serving[place] = demand, serving if serving > 0 else np.nan
        self._trim()

    def _reach(self, first: int, last: int) -> None:
        """Let the grid go from a minute to another at least."""
        if not len(self) or first - (self._first + len(self)) >= self._keep:
            self._first, self._demand, self._serving = first, np.empty(0), np.empty(0)
        before = np.full(max(self._first - first, 0), np.nan)
        after = np.full(max(last - self._first - len(self), 0), np.nan)
        if len(before) or len(after):
            self._demand = np.concatenate((before, self._demand, after))
            self._serving = np.concatenate((before, self._serving, after))
            self._first -= len(before)

    def _trim(self) -> None:
        over = len(self) - self._keep
        if over > 0:
            self._demand, self._serving = self._demand[over:], self._serving[over:]
            self._first += over


def _minutes(loads: Iterable[Load], now: float) -> Iterable[Load]:
    """Narrow buckets as the mean of each whole minute; the first may have lost some of its own."""
    found: dict[float, list[Load]] = {}
    for load in loads:
        found.setdefault(load.time // MINUTE * MINUTE, []).append(load)
    oldest = min(found, default=0.0)
    for minute, parts in found.items():
        known = [load.demand for load in parts if load.demand is not None]
        if known and minute + MINUTE <= now and (minute > oldest or parts[0].time == minute):
            serving = sum(load.serving for load in parts) / len(parts)
            yield Load(minute, sum(known) / len(known), serving)
