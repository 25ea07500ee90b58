"""What a simulated strategy cost and how well it served: the headline measures.

Written for minute t: load l(t) in instances, need n(t) = max(⌈l(t)⌉, 1), instances serving
s(t) and billed b(t). Sums and means over "known" minutes leave out those whose load is
absent: nobody knows what they needed. Instance-hours alone count every minute.

θ, τ and υ are the elasticity metrics of the SPEC Research Group: N. R. Herbst, S. Kounev,
R. Reussner, "Elasticity in Cloud Computing: What It Is, and What It Is Not", ICAC 2013;
N. Herbst et al., "Ready for Rain? A View from SPEC Research on the Future of Cloud
Metrics", SPEC-RG-2016-01 (accuracy normalised by the demand, instability).
"""

import numpy as np
from numpy.typing import NDArray

from forescale.model.value import Value
from forescale.sim.oracle import Floats, Ints, needed

_MINUTES_PER_DAY = 1440
_ROUNDING = 1e-9  # as in `needed`: a load of exactly s instances is served by s


class Score(Value, frozen=True):
    """The measures of one strategy. All in %, but `cost` (a ratio) and the last two."""

    cost: float
    violations: float
    excess: float
    theta_u: float
    theta_o: float
    tau_u: float
    tau_o: float
    instability: float
    actions_per_day: float
    instance_hours: float


def score(load: Floats, serving: Ints, billed: Ints, desired: Ints, oracle_billed: Ints) -> Score:
    """The measures of one strategy over the scored minutes (arrays of equal length, at least 1).

    `desired` is the capacity decided at the end of each minute, `oracle_billed` what the
    oracle pays for the same load. Percentages are 0 where nothing is known of the load.
    """
    known = ~np.isnan(load)
    paid = known if known.any() else ~known
    some, served, need = load[known], serving[known], needed(load)[known]
    return Score(
        cost=float(billed[paid].sum() / oracle_billed[paid].sum()),
        violations=violations(some, served),
        excess=excess(some, served),
        theta_u=_mean(np.maximum(need - served, 0) / need),
        theta_o=_mean(np.maximum(served - need, 0) / need),
        tau_u=_mean(served < need),
        tau_o=_mean(served > need),
        instability=instability(load, serving),
        actions_per_day=float(np.count_nonzero(np.diff(desired)) * _MINUTES_PER_DAY / len(load)),
        instance_hours=float(billed.sum() / 60),
    )


def violations(load: Floats, serving: Ints) -> float:
    """V = 100 · Σ l(t) [l(t) > s(t)] / Σ l(t): % of all requests in minutes of too little capacity."""
    return _share(load[short(load, serving)].sum(), load.sum())


def short(load: Floats, serving: Ints) -> NDArray[np.bool_]:
    """The minutes of too little capacity; an absent one (NaN) is none."""
    late: NDArray[np.bool_] = load > serving + _ROUNDING
    return late


def excess(load: Floats, serving: Ints) -> float:
    """E = 100 · Σ max(l(t) - s(t), 0) / Σ l(t): % of the load above capacity."""
    return _share(np.maximum(load - serving, 0).sum(), load.sum())


def instability(load: Floats, serving: Ints) -> float:
    """υ = 100 / (T - 1) · Σ min(|sgn Δs(t) - sgn Δn(t)|, 1), t = 2 … T.

    The % of steps in which need and supply do not move the same way (one that rests while
    the other moves counts), over the steps between two known minutes.
    """
    need = needed(load)
    known = ~np.isnan(load)
    apart = np.sign(np.diff(serving)) != np.sign(np.diff(need))
    return _mean(apart[known[1:] & known[:-1]])


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    """θ_U = 100/T Σ max(n - s, 0)/n, θ_O with s - n; τ_U = 100/T Σ [s < n], τ_O with s > n."""
    return float(values.mean() * 100) if len(values) else 0.0


def _share(part: float, whole: float) -> float:
    return float(100 * part / whole) if whole > 0 else 0.0
