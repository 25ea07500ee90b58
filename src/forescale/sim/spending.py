"""Where the money went: every billed instance-minute belongs to one purpose.

The k-th instance is there in the minutes in which k or more are billed. It is needed in those
in which the oracle, which knows the future, pays for k or more too. Between two stretches in
which it is not billed there is its life; what of that life is not needed was spent on

* booting: it did not serve yet;
* being ahead: it was needed before the life's end, but not now (it came early, or stayed for the next need);
* waiting: it was needed before in this life, and no more until it was removed;
* spare: it was not needed in this life at all, the headroom that was never called on.

So nothing has to be known of how a strategy decides.
"""

import numpy as np
from numpy.typing import NDArray

from forescale.model.value import Value
from forescale.series.trace import Floats
from forescale.sim.oracle import needed, oracle
from forescale.sim.run import Run

_MOST = 500  # instances looked at one by one; of a larger group, so many in even steps

Bools = NDArray[np.bool_]


class Spending(Value, frozen=True):
    """Instance-hours by what they were spent on; `hours` of the oracle, and what it pays for that is lacking.

    needed + booting + ahead + waiting + spare is all that was billed; needed + missing is what the
    oracle is billed.
    """

    needed: float
    booting: float
    ahead: float
    waiting: float
    spare: float
    missing: float


class Purposes:
    """Instances of each minute by purpose (see the module): arrays over the minutes of a run."""

    def __init__(self, run: Run, load: Floats, lead: int) -> None:
        self.best = oracle(needed(load), lead)
        minutes = len(load)
        self.booting, self.ahead = np.zeros(minutes), np.zeros(minutes)
        self.waiting, self.spare = np.zeros(minutes), np.zeros(minutes)
        self.needed = np.minimum(run.billed, self.best).astype(np.float64)
        lowest, highest = (
            int(np.minimum(run.billed, self.best).min(initial=0)),
            int(run.billed.max(initial=0)),
        )
        for first, last in _steps(lowest, highest):
            self._look(run, first, last)

    def _look(self, run: Run, first: int, last: int) -> None:
        """At instances `first` to `last`; they are taken for so many of the middle one."""
        weight, middle = last - first + 1, (first + last) // 2
        there, used = run.billed >= middle, self.best >= middle
        used &= there
        later, before = _later(there, used), _later(there[::-1], used[::-1])[::-1]
        idle = there & ~used
        boots = idle & (run.serving < middle)
        idle &= ~boots
        for purpose, minutes in (
            (self.booting, boots),
            (self.ahead, idle & later),
            (self.waiting, idle & ~later & before),
            (self.spare, idle & ~later & ~before),
        ):
            purpose[minutes] += weight

    def sums(self, run: Run) -> Spending:
        """The hours of each purpose; those of a sampled group are scaled to what was billed."""
        parts = [self.booting, self.ahead, self.waiting, self.spare]
        hours = [float(part.sum()) / 60 for part in parts]
        want, met = float(self.best.sum()) / 60, float(self.needed.sum()) / 60
        rest, seen = float(run.billed.sum()) / 60 - met, sum(hours)
        scale = rest / seen if seen else 0.0
        booting, ahead, waiting, spare = (part * scale for part in hours)
        return Spending(met, booting, ahead, waiting, spare, want - met)


def spending(run: Run, load: Floats, lead: int) -> Spending:
    """What a strategy's instance-hours were spent on, on a load in instances."""
    return Purposes(run, load, lead).sums(run)


def _later(there: Bools, used: Bools) -> Bools:
    """In which minutes the instance will be used again before it goes."""
    minutes = len(there)
    at = np.arange(minutes)
    next_use = np.minimum.accumulate(np.where(used, at, minutes)[::-1])[::-1]
    next_gone = np.minimum.accumulate(np.where(there, minutes, at)[::-1])[::-1]
    found: Bools = next_use < next_gone
    return found


def _steps(lowest: int, highest: int) -> list[tuple[int, int]]:
    """(first, last) instances of each step above `lowest`."""
    size = max((highest - lowest) // _MOST, 1)
    return [(k + 1, min(k + size, highest)) for k in range(lowest, highest, size)]
