"""Which part of a long trace to play."""

import numpy as np

from forescale.model.errors import TraceError
from forescale.series.trace import Trace


def busiest(trace: Trace, minutes: int) -> int:
    """The minute at which the stretch with the largest load above its own average begins.

    That is the day on which scaling has most to do. Candidates begin at full hours; where
    the trace is shorter than the stretch, it begins at 0.
    """
    starts = range(0, max(len(trace) - minutes, 0) + 1, 60)

    def work(start: int) -> float:
        part = trace.load[start : start + minutes]
        known = part[~np.isnan(part)]
        return float(np.abs(known - known.mean()).sum()) if len(known) > minutes / 2 else -1.0

    return max(starts, key=work)


def stretch(trace: Trace, begin: int, minutes: int) -> Trace:
    """`minutes` of the trace from minute `begin` on. Raises `TraceError` where it ends before."""
    part = trace.load[begin : begin + minutes]
    if len(part) < minutes:
        left = max(len(trace) - begin, 0) / 60
        raise TraceError(
            f"{minutes / 60:.1f} h are needed, and the trace has {left:.1f} h from there on",
            hint="play less with --hours, or begin earlier with --skip",
        )
    if np.isnan(part).all():
        raise TraceError("that part of the trace is absent throughout", hint="begin elsewhere with --skip")
    return Trace(trace.time(begin), part, trace.step, trace.points, trace.interpolated, trace.notes)
