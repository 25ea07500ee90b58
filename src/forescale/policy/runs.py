"""For how long a series has been on one side of a threshold, up to now."""

from collections.abc import Iterable
from math import inf


def run_length(
    values: Iterable[tuple[float, float | None]], period: float, *, above: float, below: float
) -> float:
    """Seconds for which a series, newest bucket first, has been strictly within (above, below).

    `values` are (bucket start, value or None) pairs of buckets `period` seconds wide. An
    absent bucket, or one that is missing altogether, ends a run that is to lead to a
    scale-in (`below` finite); any other run passes over it, for silence does not prove
    that load has gone.
    """
    oldest = newest = last = None
    for time, value in values:
        missing = value is None or (last is not None and last - time > 1.5 * period)
        if missing and below < inf:
            break
        last = time
        if value is None:
            continue
        if not above < value < below:
            break
        newest = time if newest is None else newest
        oldest = time
    return 0.0 if newest is None or oldest is None else newest - oldest + period
