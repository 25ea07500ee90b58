"""The hourly forecast of a predictive scaling policy, and the capacity that it makes the minimum.

Documented (Amazon EC2 Auto Scaling User Guide, "How predictive scaling works"): an hourly
forecast of the next 48 hours from up to 14 days of history, not before there are 24 hours of
it, updated every 6 hours; capacity for an hour is launched ahead of it by a buffer; what is
forecast is the load of the hour, and capacity follows from the target utilisation.

Not documented: the model. Ours is the plain seasonal one that such a description calls for,
and on traces with a daily and weekly cycle it is a good one: the mean shape of the days there
are, at the level of the last 24 hours, times what the same weekday did to its eve a week ago.
"""

from math import ceil

import numpy as np

from forescale.series.trace import STEP, Floats, Trace
from forescale.sim.oracle import Ints

HISTORY = 14  # days
REFRESH = 6  # hours
_DAY = 24
_WEEK = 7
_HOUR = 60  # minutes
_ENOUGH = 12  # known hours without which a day says nothing of levels
_STEEPEST = 3.0  # no day is so many times its eve, but an outage makes it look so
_ROUNDING = 1e-9


def hourly_floor(trace: Trace, lead: int, target: float) -> Ints:
    """The fewest instances a predictive policy allows at the end of each minute; 0 before it can speak.

    It is what the current hour is forecast to need and, from `lead` minutes before the next
    one, what that will. Causal: a forecast knows nothing of the hour it is made in.
    """
    offset, means = _hours(trace)
    capacity = np.ceil(_forecast(means) / target - _ROUNDING)
    wanted = np.nan_to_num(capacity, nan=0.0).astype(np.int64)
    ends = offset + np.arange(1, len(trace) + 1)
    last = len(wanted) - 1
    now, soon = ends // _HOUR, (ends + lead) // _HOUR
    floors: Ints = np.maximum(wanted[np.minimum(now, last)], wanted[np.minimum(soon, last)])
    return floors


def _hours(trace: Trace) -> tuple[int, Floats]:
    """Minutes between the full hour and the trace's start; the mean of each hour, NaN where unknown.

    Hours are those of the clock, in UTC; two more than the trace has are appended, to be forecast.
    """
    offset = int(trace.start // STEP % _HOUR)
    count = ceil((offset + len(trace)) / _HOUR)
    minutes = np.full(count * _HOUR, np.nan)
    minutes[offset : offset + len(trace)] = trace.load
    return offset, np.append(_mean(minutes.reshape(count, _HOUR), axis=1), [np.nan, np.nan])


def _forecast(means: Floats) -> Floats:
    """The forecast in force for each hour; NaN where there is none yet."""
    found = np.full(len(means), np.nan)
    for now in range(_DAY, len(means), REFRESH):
        days = min(now // _DAY, HISTORY)
        ahead = _next_day(means[now - days * _DAY : now].reshape(days, _DAY))
        found[now : now + REFRESH] = ahead[: len(found[now : now + REFRESH])]
    return found


def _next_day(days: Floats) -> Floats:
    """The 24 hours after some whole days (one a row, oldest first); NaN where nothing is known."""
    level = _mean(days, axis=1)
    level[(~np.isnan(days)).sum(axis=1) < _ENOUGH] = np.nan  # a few hours do not make a day's level
    sound = level > 0
    shape = _mean(days[sound] / level[sound, None], axis=0)
    known = ~np.isnan(days[-1]) & (shape > 0)
    now = days[-1, known].sum() / shape[known].sum() if known.any() else np.nan
    ahead: Floats = shape * now * _growth(level)
    return ahead


def _growth(level: Floats) -> float:
    """What the day a week before the next one did to its eve; 1 where that is not known."""
    if len(level) <= _WEEK or not level[-_WEEK] > 0 or not level[-_WEEK - 1] > 0:
        return 1.0
    return float(np.clip(level[-_WEEK] / level[-_WEEK - 1], 1 / _STEEPEST, _STEEPEST))


def _mean(values: Floats, axis: int) -> Floats:
    """The mean of what is known, NaN where nothing is (without numpy's warning)."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    mean: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean
