"""Inference that may be looked at after every observation and keeps its error rate.

For differences d_1, d_2, … that are normal with unknown variance, the confidence sequence
below holds at all n at once with probability at least 1 - α, whenever one looks or stops.
It inverts the sequential t-test: with t = √n·mean/s and ν = n - 1, the likelihood ratio of "the
standardised effect is drawn from N(0, c²)" against "it is 0", both invariant to scale, is

    E_n = (1 + n c²)^(-1/2) · [(1 + t²/ν) / (1 + t²/(ν (1 + n c²)))]^(n/2),

a martingale under the hypothesis of no effect, so by Ville's inequality it ever reaches 1/α with
probability at most α (Robbins' mixture, with the variance integrated out). Sources: T. L. Lai, "On confidence
sequences", Ann. Statist. 4 (1976); S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform,
nonparametric, nonasymptotic confidence sequences", Ann. Statist. 49 (2021); H. Wang and A. Ramdas,
"Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance",
Sequential Analysis 44 (2025).
"""

from collections.abc import Sequence
from math import inf, sqrt

from forescale.model.value import Value

PRIOR = 1.0
"""c: the standardised effects the mixture is best at. Larger ones are found early anyway."""


class Interval(Value, frozen=True):
    """The mean of `n` differences, and what it may be; None where nothing bounds it yet."""

    n: int
    mean: float = 0.0
    low: float | None = None
    high: float | None = None


def radius(n: int, alpha: float) -> float:
    """Half the width of the confidence sequence after n differences, in standard deviations of one.

    Infinite while n is so small that no difference, however large, could decide.
    """
    if n < 2:
        return inf
    spread = 1.0 + n * PRIOR * PRIOR
    reach = (sqrt(spread) / alpha) ** (2.0 / n)
    if reach >= spread:
        return inf
    return sqrt((n - 1) / n * (reach - 1.0) / (1.0 - reach / spread))


def interval(values: Sequence[float], alpha: float, floor: float = 0.0) -> Interval:
    """The confidence sequence of the mean, as it stands after these differences.

    `floor` is the least standard deviation that is believed: a few equal differences do not
    prove that there is no variance.
    """
    n = len(values)
    if not n:
        return Interval(0)
    mean = sum(values) / n
    reach = radius(n, alpha)
    if reach == inf:
        return Interval(n, mean)
    half = reach * max(deviation(values), floor)
    return Interval(n, mean, mean - half, mean + half)


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of a sample; 0 for fewer than two."""
    n = len(values)
    if n < 2:
        return 0.0
    mean = sum(values) / n
    return sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
