"""Which part of a long trace to play."""

import numpy as np

from forescale.model.errors import TraceError
from forescale.series.trace import Trace


def busiest(trace: Trace, minutes: int) -> int:
    """The minute at which the stretch begins in which the load moves most, up and down.

    That is when scaling has most to do. Candidates begin at full hours; where the trace is
    shorter than the stretch, it begins at 0.
    """
    moves = np.nan_to_num(np.abs(np.diff(trace.load)))
    moved = np.concatenate(([0.0], np.cumsum(moves)))
    starts = np.arange(0, max(len(trace) - minutes, 0) + 1, 60)
    ends = np.minimum(starts + minutes, len(trace)) - 1
    return int(starts[np.argmax(moved[ends] - moved[starts])])


def stretch(trace: Trace, begin: int, minutes: int) -> Trace:
    """`minutes` of the trace from minute `begin` on. Raises `TraceError` where it ends before."""
    part = trace.load[begin : begin + minutes]
    if len(part) < minutes:
        left = max(len(trace) - begin, 0) / 60
        raise TraceError(
            f"{minutes / 60:.1f} h are needed (with the warm-up); the trace has {left:.1f} h from there on",
            hint="play less with --hours, or begin earlier with --skip",
        )
    if np.isnan(part).all():
        raise TraceError("that part of the trace is absent throughout", hint="begin elsewhere with --skip")
    return Trace(trace.time(begin), part, trace.step, trace.points, trace.interpolated, trace.notes)
