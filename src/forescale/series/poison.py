"""History that must not be learned from: outages, demand cut off at max, deploys, gaps, stuck values.

Everything is judged from the history up to its last value, and anew as that grows: what is marked
near the end may be taken back, and what came before is judged with hindsight. What is learned from
the marked minutes is either wrong in itself (a zero that was an outage) or was computed from such
minutes (the lags right after it).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from forescale.series.regular import Floats, Ints, Series

Bools = NDArray[np.bool_]

_DAY = 86400.0
_BUCKET = 900.0  # the day is compared in quarters of an hour
_ASTRAY = 5  # buckets to either side that count as the same time of day: more than the hour of DST
_MINUTES_LOW = 0.2  # quantile of a bucket's minutes: a count that is often 0 by chance has no floor
_REFERENCE_DAYS = 14
_QUANTILE = 0.25  # of the reference days: low enough for two weekends in two weeks
_USUAL = 0.1  # likewise of all values, while there are too few days to know the time of day
_FEW = 6 * 3600.0  # with less history nothing can be unusual
_NOTHING = 0.05  # an expectation below this share of the median is as good as none
_AT_LEAST = 2  # low values in a row: one alone moves no maximum over a lead time
_CROWDED = 10.0  # low steps by chance gather in the hours of little load
_OFTEN = 2.0  # outages a day above which they are the nature of the load
_MUCH = 0.2  # likewise the share of time that is stuck
_UNUSUAL = 10.0  # times as long as all but 1 % of the constant runs
_HOLE = 180.0  # a shorter hole disturbs no lag for long
_ROUNDS = 8  # each finds what the ones before it hid; two are what it takes


class Kind(StrEnum):
    """What is wrong with a span of history."""

    OUTAGE = "outage"
    CAPPED = "capped"
    DEPLOY = "deploy"
    GAP = "gap"
    FROZEN = "frozen"
    AFTER = "after"


@dataclass(frozen=True)
class Poison:
    """A span of history, [start, end) in seconds since the epoch, that must not be learned from."""

    start: float
    end: float
    kind: Kind
    why: str


@dataclass(frozen=True)
class Rules:
    """When history counts as poisoned. Ratios are of the load expected at that time of day."""

    collapsed: float = 0.1
    """An outage falls below this,"""
    recovered: float = 0.5
    """and ends above this."""
    lasting: float = 3600.0
    """A collapse that goes on for longer (s) is taken for the new level of the load, not for an
    outage. An hour: most outages are over by then, a forecaster without it does no harm for as long,
    and what is learned from an hour of zeros is a hole in each of the next days."""
    longest: float = 4 * 3600.0
    """With hindsight: a collapse that was over within this time (s) was an outage all the same."""
    saturation: float = 0.9
    """Utilisation from which a group at its maximum hides further demand."""
    settle: float = 600.0
    """How long (s) after a deploy its traces are seen: cold caches, instances that warm up."""
    frozen: float = 3600.0
    """A value that does not change for as long (s), on a series that always changes, is stuck."""
    after: float = 300.0
    """How long (s) after a hole the lags and rolling means still have it in them."""


@dataclass(frozen=True)
class Poisoned:
    """What is poisoned in a series.

    `wrong` marks the steps whose values are not to be believed; `mask` marks them and those after
    them, and is what training leaves out. `spans` tell why, by time; they may overlap.
    """

    wrong: Bools
    mask: Bools
    spans: tuple[Poison, ...] = ()

    def clean(self, series: Series) -> Series:
        """The series without the values that are wrong."""
        return replace(series, values=np.where(self.wrong, np.nan, series.values))


def find_poison(
    demand: Series,
    *,
    serving: Floats | None = None,
    maximum: "float | Floats | None" = None,
    deploys: Sequence[tuple[float, float]] = (),
    rules: Rules | None = None,
) -> Poisoned:
    """What in a history must not be learned from.

    Args:
        demand: in any unit; in instances where `serving` is given.
        serving: instances in service at each step, NaN where not known.
        maximum: the most instances there may be, always or at each step.
        deploys: known spans of deploys, such as instance refreshes, in seconds since the epoch.
        rules: when it counts as poisoned.

    Raises:
        ValueError: `serving` or `maximum` has another length than the demand.
    """
    rules = rules or Rules()
    values = demand.values
    marks: dict[Kind, Bools] = {
        Kind.GAP: np.isnan(values),
        Kind.CAPPED: _capped(values, serving, maximum, rules),
        Kind.DEPLOY: _deployed(demand, deploys, rules),
        Kind.OUTAGE: np.zeros(len(values), dtype=bool),
        Kind.FROZEN: np.zeros(len(values), dtype=bool),
    }
    wrong = np.logical_or.reduce(list(marks.values()))
    whys: dict[tuple[Kind, int], str] = {}
    for _ in range(_ROUNDS):
        seen = replace(demand, values=np.where(wrong, np.nan, values))
        found = [*_outages(seen, rules), *_frozen(seen, rules)]
        if not found:
            break
        for kind, first, last, why in found:
            marks[kind][first:last] = True
            whys[kind, first] = why
        wrong = np.logical_or.reduce([wrong, marks[Kind.OUTAGE], marks[Kind.FROZEN]])
    marks[Kind.AFTER] = _after(wrong, demand.step, rules)
    spans = sorted(_spans(demand, marks, whys), key=lambda span: (span.start, span.end))
    return Poisoned(wrong, wrong | marks[Kind.AFTER], tuple(spans))


Found = tuple[Kind, int, int, str]


def _steps(seconds: float, step: float) -> int:
    """At least one step, and no less than so many seconds."""
    return max(int(np.ceil(seconds / step)), 1)


def _runs(mask: Bools) -> tuple[Ints, Ints]:
    """Where the runs of True begin and end (exclusive)."""
    edges = np.diff(np.concatenate(([0], mask.astype(np.int8), [0])))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _capped(demand: Floats, serving: Floats | None, maximum: "float | Floats | None", rules: Rules) -> Bools:
    """The group was as large as it may be, and busy: what it did not get to do was not measured."""
    if serving is None or maximum is None:
        return np.zeros(len(demand), dtype=bool)
    if np.shape(serving) != demand.shape or np.shape(maximum) not in ((), demand.shape):
        raise ValueError("serving and maximum must be as long as the demand")
    return (serving >= maximum) & (serving > 0) & (demand >= rules.saturation * serving)


def _deployed(demand: Series, deploys: Iterable[tuple[float, float]], rules: Rules) -> Bools:
    mask = np.zeros(len(demand), dtype=bool)
    for start, end in deploys:
        first = np.clip(np.floor((start - demand.start) / demand.step), 0, len(demand))
        last = np.clip(np.ceil((end + rules.settle - demand.start) / demand.step), 0, len(demand))
        mask[int(first) : int(last)] = True
    return mask


def _after(wrong: Bools, step: float, rules: Rules) -> Bools:
    mask = np.zeros(len(wrong), dtype=bool)
    first, last = _runs(wrong)
    holes = last[(last - first) * step >= _HOLE]
    for offset in range(_steps(rules.after, step) if rules.after else 0):
        places = holes + offset
        mask[places[places < len(wrong)]] = True
    return mask & ~wrong


def _outages(series: Series, rules: Rules) -> Iterator[Found]:
    """Runs in which the load is far below what is usual then, and after which it came back."""
    values, step = series.values, series.step
    known = ~np.isnan(values)
    if np.count_nonzero(known) * step < _FEW:
        return
    expected = _expected(values, known, step)
    low = _long_enough(values < rules.collapsed * expected)  # NaN is not below anything
    if not len(low):
        return
    first, last = _runs((values < rules.recovered * expected) | ~known)
    runs = np.unique(np.searchsorted(first, low, side="right") - 1)
    if len(runs) > max(3.0, _OFTEN * len(values) * step / _DAY):
        return
    newest = int(np.flatnonzero(known)[-1])
    for run in runs.tolist():
        inside = first[run] + np.flatnonzero(known[first[run] : last[run]])
        begin, end = int(inside[0]), int(inside[-1]) + 1
        if (end - begin) * step <= (rules.lasting if end > newest else rules.longest):
            yield Kind.OUTAGE, begin, end, _collapse(values[begin:end], expected[begin:end])


def _long_enough(low: Bools) -> Ints:
    """Where the runs begin that are too long to be chance.

    A count that is small by night is 0 now and then. How often a single step is low says how long
    a run chance can make: fewer than one in a hundred such histories has one of the length returned.
    """
    first, last = _runs(low)
    single = int(np.count_nonzero(last - first == 1))
    chance = min(_CROWDED * single / max(len(low), 1), 0.5)
    least = np.ceil(np.log(0.01 / len(low)) / np.log(chance)) if chance else 0
    return first[last - first >= max(least, _AT_LEAST)]


def _collapse(values: Floats, expected: Floats) -> str:
    seen, usual = float(np.nanmin(values)), float(np.nanmedian(expected))
    return f"the load fell to {seen:.4g} where at least {usual:.4g} is usual, and came back"


def _expected(values: Floats, known: Bools, step: float) -> Floats:
    """What the load is at least at that time of day; NaN where nobody can say.

    The least of three: a low quantile of the two weeks before (for the first days, of those after),
    the day before and the day after. Each is the lowest quarter of an hour within somewhat more
    than an hour. So neither a ramp at another time, nor a weekend, nor a new level that is a day
    old looks like a collapse.
    """
    day, width = _steps(_DAY, step), _steps(_BUCKET, step)
    usual = np.sort(values[known])
    fallback = usual[int(_USUAL * (len(usual) - 1))]
    expected = np.full(len(values), fallback)
    if day % width == 0 and len(values) > 2 * day:
        lowest = _seasonal(_lows(values, day, width))
        wide = np.repeat(lowest.ravel(), width)[: len(values)]
        expected = np.where(np.isnan(wide), fallback, wide)
    expected[expected < _NOTHING * usual[len(usual) // 2]] = np.nan
    return expected


def _lows(values: Floats, day: int, width: int) -> Floats:
    """(days, buckets): the quiet minutes of a bucket and its neighbours; inf where not known."""
    days = -(-len(values) // day)
    whole = np.full(days * day, np.nan)
    whole[: len(values)] = values
    ordered = np.sort(whole.reshape(-1, width), axis=1)  # NaN last
    count = width - np.isnan(ordered).sum(axis=1)
    place = (_MINUTES_LOW * np.maximum(count - 1, 0)).astype(np.int64)
    quiet = np.where(2 * count >= width, ordered[np.arange(len(ordered)), place], np.inf)
    padded = np.pad(quiet, _ASTRAY, constant_values=np.inf)
    lows: Floats = sliding_window_view(padded, 2 * _ASTRAY + 1).min(axis=1).reshape(days, day // width)
    return lows


def _seasonal(lows: Floats) -> Floats:
    """What each bucket of each day is expected to be at least; NaN where fewer than two days tell."""
    days, buckets = lows.shape
    unknown = np.full((_REFERENCE_DAYS, buckets), np.inf)
    around = np.concatenate((unknown, lows, unknown))
    windows = np.sort(sliding_window_view(around, _REFERENCE_DAYS, axis=0), axis=2)
    before, after = windows[:days], windows[_REFERENCE_DAYS + 1 : _REFERENCE_DAYS + 1 + days]
    early = np.count_nonzero(np.isfinite(before), axis=2) < 2
    reference = np.where(early[:, :, None], after, before)
    count = np.count_nonzero(np.isfinite(reference), axis=2)
    place = (_QUANTILE * np.maximum(count - 1, 0)).astype(np.int64)
    quantile = np.take_along_axis(reference, place[:, :, None], axis=2)[:, :, 0]
    beside = np.minimum(around[_REFERENCE_DAYS - 1 :][:days], around[_REFERENCE_DAYS + 1 :][:days])
    least: Floats = np.where(count >= 2, np.minimum(quantile, beside), np.nan)
    return least


def _frozen(series: Series, rules: Rules) -> Iterator[Found]:
    """One value for far longer than any other: not a floor it returns to, nor a series of few values."""
    values = series.values
    if not len(values):
        return
    starts = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))  # NaN differs from NaN
    lengths = np.diff(np.concatenate((starts, [len(values)])))
    held = values[starts]
    real = ~np.isnan(held)
    if not real.any():
        return
    ordered = np.sort(lengths[real])
    usual = ordered[int(0.99 * (len(ordered) - 1))]
    stuck = real & (held != 0) & (lengths >= max(_steps(rules.frozen, series.step), _UNUSUAL * usual))
    if lengths[stuck].sum() > _MUCH * lengths[real].sum():
        return
    again, times = np.unique(held[stuck], return_counts=True)
    for run in np.flatnonzero(stuck).tolist():
        if times[np.searchsorted(again, held[run])] == 1:
            first, last = int(starts[run]), int(starts[run] + lengths[run])
            yield Kind.FROZEN, first, last, f"the value stood still at {float(held[run]):.6g}"


_WHY = {
    Kind.GAP: "no values",
    Kind.CAPPED: "the group was at its maximum and busy: demand beyond that was not measured",
    Kind.DEPLOY: "a deploy, and the time to settle",
    Kind.AFTER: "what looks back from here looks into a hole",
    Kind.OUTAGE: "the load collapsed and came back",
    Kind.FROZEN: "the value stood still",
}


def _spans(demand: Series, marks: dict[Kind, Bools], whys: dict[tuple[Kind, int], str]) -> Iterator[Poison]:
    for kind, mask in marks.items():
        for first, last in zip(*(edge.tolist() for edge in _runs(mask)), strict=True):
            start, end = (demand.start + demand.step * place for place in (first, last))
            yield Poison(start, end, kind, whys.get((kind, first), _WHY[kind]))
