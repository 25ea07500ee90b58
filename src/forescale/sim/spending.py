"""Where the money went: every billed instance-minute belongs to one purpose.

Of the b instances billed in a minute, those that the oracle pays for too are **needed**. Of the rest,

* those that do not serve yet are **booting**;
* those that the strategy takes away the next time, although the load has already been as low as it is
  then, are **waiting** to scale in;
* all others are **headroom**: what the strategy keeps for what may come.

So nothing has to be known of how a strategy decides.
"""

import numpy as np
from numpy.typing import NDArray

from forescale.model.value import Value
from forescale.series.trace import Floats
from forescale.sim.oracle import Ints, needed, oracle
from forescale.sim.run import Run

_SLACK = 0.1  # a load so much above that of the removal is as low as that: loads are never quite steady
_LONGEST = 360  # minutes: what has been as low for longer is how this load is, not a wait

Bools = NDArray[np.bool_]


class Spending(Value, frozen=True):
    """Instance-hours by what they were spent on.

    needed + headroom + waiting + booting is all that was billed; needed + missing is what the
    oracle is billed, missing being what the strategy lacked of that.
    """

    needed: float
    headroom: float
    waiting: float
    booting: float
    missing: float

    @property
    def oracle(self) -> float:
        """The instance-hours of the oracle."""
        return self.needed + self.missing


class Purposes:
    """Instances of each minute by purpose (see the module): whole numbers over the minutes of a run."""

    def __init__(self, run: Run, load: Floats, lead: int) -> None:
        self.best = oracle(needed(load), lead)
        self.needed: Ints = np.minimum(run.billed, self.best)
        excess = run.billed - self.needed
        self.booting: Ints = np.minimum(run.billed - run.serving, excess)
        self.waiting: Ints = np.minimum(_waiting(run, needed(load)), excess - self.booting)
        self.headroom: Ints = excess - self.booting - self.waiting


def spending(run: Run, load: Floats, lead: int) -> Spending:
    """What a strategy's instance-hours were spent on, on a load in instances."""
    purposes = Purposes(run, load, lead)
    missing = purposes.best - purposes.needed
    parts = (purposes.needed, purposes.headroom, purposes.waiting, purposes.booting, missing)
    return Spending(*(float(part.sum()) / 60 for part in parts))


def _waiting(run: Run, need: Ints) -> Ints:
    """How many of the billed instances wait in each minute to be removed.

    A removal in minute t takes what has waited since the need was last above that of minute t - 1,
    when it was decided, and a little.
    """
    change = np.zeros(len(need) + 1, dtype=np.int64)
    removed = -np.diff(run.billed)
    for minute in (np.flatnonzero(removed > 0) + 1).tolist():
        level = int(need[minute - 1])
        since = _low_since(need, minute - 1, level + max(int(_SLACK * level), 1))
        change[since] += removed[minute - 1]
        change[minute] -= removed[minute - 1]
    waiting: Ints = np.cumsum(change[:-1])
    return waiting


def _low_since(need: Ints, minute: int, level: int) -> int:
    """The first minute from which the need has not been above a level, up to this one."""
    first = max(minute - _LONGEST, 0)
    above = np.flatnonzero(need[first : minute + 1] > level)
    return first + int(above[-1]) + 1 if len(above) else first
