"""An independent simulation of target tracking: a plain loop, nothing of the product in it.

Same rules of the minute: what is seen at the end of minute t decides, a launch is billed
from t + 1 and serves from t + 1 + lead, a removal takes effect at t + 1, at least one
instance. Out after 3 minutes in a row above the target, to ceil(n * utilisation / target);
in after 15 below 0.9 of it with nothing booting beyond that minute. NaN is a minute without a sample: it does
not end a run above, it ends a run below, and what was seen in the last minutes still counts.
"""

from math import ceil, isnan

OUT_AFTER, IN_AFTER, IN_BELOW, FRESH = 3, 15, 0.9, 5


def target_tracking(load, lead, target=0.6):
    """Lists of instances serving, billed and (decided at the end of the minute) desired."""
    serving = max(ceil(next((x for x in load if not isnan(x)), 1)), 1)
    booting = []  # the minute from which each serves
    above_since, below, last, demand = None, 0, None, 0.0
    out = ([], [], [])
    for t, x in enumerate(load):
        serving += sum(1 for ready in booting if ready <= t)
        booting = [ready for ready in booting if ready > t]
        out[0].append(serving)
        out[1].append(serving + len(booting))
        if not isnan(x):
            utilisation = x / serving
            if utilisation <= target:
                above_since = None
            elif above_since is None:
                above_since = t
            unbroken = below if last == t - 1 else 0
            below = unbroken + 1 if utilisation < IN_BELOW * target else 0
            last, demand = t, x
        if last is not None and t - last <= FRESH:
            want = ceil(demand / target - 1e-9)
            if want > serving + len(booting):
                if above_since is not None and last - above_since + 1 >= OUT_AFTER:
                    booting += [t + 1 + lead] * (want - serving - len(booting))
            elif (
                want < serving + len(booting)
                and not any(ready > t + 1 for ready in booting)
                and below >= IN_AFTER
            ):
                serving, booting = max(want, 1), []
        out[2].append(serving + len(booting))
    return out
