"""For how long a series has been on one side of a threshold, up to now."""

from collections.abc import Iterable
from math import inf

# Bucket starts are floats near 1.8e9, whose steps are 2.4e-7.
_ROUNDING = 1e-5


def lasted(
    values: Iterable[tuple[float, float | None]],
    period: float,
    enough: float,
    *,
    above: float = -inf,
    below: float = inf,
) -> bool:
    """A series has been strictly within (above, below) for the last `enough` seconds it is known.

    An absent bucket, or one that is missing altogether, ends a run that is to lead to a
    scale-in (`below` finite). Any other run passes over it, for silence does not prove that
    load has gone.

    Args:
        values: (bucket start, value or None) pairs, newest first.
        period: the width of a bucket, in seconds.
        enough: how long it must have been so, in seconds; 0: the newest value is enough.
        above: the threshold to be above.
        below: the threshold to be below.
    """
    quiet = below < inf
    bridged = 1.5 * period if quiet else inf
    end = last = None
    for time, value in values:
        if value is None:
            if quiet:
                return False
            continue
        if (last is not None and last - time > bridged) or not above < value < below:
            return False
        end = time + period if end is None else end
        if end - time >= enough - _ROUNDING:
            return True
        last = time
    return False
