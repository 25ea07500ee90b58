"""The exact clairvoyant oracle: the least that a load can cost without a single violation."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_ROUNDING = 1e-9  # a load scaled to exactly 3 instances may come out as 3.0000000000000004


def needed(load: Floats) -> Ints:
    """Instances each minute's load (in instances) needs: its ceiling, at least 1.

    An absent minute (NaN) needs the least, 1: what is not known to be needed is not charged
    to a strategy as missing, and the oracle does not pay for it.
    """
    return np.maximum(np.ceil(np.nan_to_num(load, nan=0.0) - _ROUNDING), 1).astype(np.int64)


def oracle(need: Ints, lead: int) -> Ints:
    """Instances billed in each minute by the cheapest plan that never serves less than `need`.

    b(t) = max(need(t), ..., need(t + lead)), with `lead` the minutes of boot, billed.

    No plan pays less in any minute: an instance that serves in minute j ≤ t + lead was
    decided on by the end of minute j - lead - 1 and is billed from j - lead ≤ t on (or was
    there from the start), so each of the need(j) instances of every such j is billed in t.
    And the plan exists: layer by layer (is there a k-th instance?), an instance is kept
    over a gap in its need no longer than the boot, else dropped and launched anew `lead`
    minutes before it is needed, which is the cheaper of the two in either case. Instances
    there at the first minute owe no boot: the plan starts with b(0) of them.
    """
    padded = np.concatenate((need, np.ones(lead, dtype=np.int64)))
    billed: Ints = np.lib.stride_tricks.sliding_window_view(padded, lead + 1).max(axis=1)
    return billed


def in_service(billed: Ints, lead: int) -> Ints:
    """Instances that serve in each minute of a plan: those billed in the `lead` minutes before too.

    s(t) = min(b(t - lead), ..., b(t)); before the first minute nothing is short, for
    instances there at the start owe no boot.
    """
    padded = np.concatenate((np.full(lead, np.iinfo(np.int64).max), billed))
    serving: Ints = np.lib.stride_tricks.sliding_window_view(padded, lead + 1).min(axis=1)
    return serving
