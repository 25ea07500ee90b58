"""What was to be reached, whether it was, and by how much not. All of it is computed from the results."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from .frontier import Spot, cost_at, violations_at
from .results import TRACKING, Ahead, Result
from .traces import BURSTY, SMOOTH, STILL, SUSTAINED
from .work import BUDGETS, TARGETS

COSTS = {
    STILL: {"1%": 1.06, "0.1%": 1.10},
    SMOOTH: {"1%": 1.12, "0.1%": 1.25},
    SUSTAINED: {"1%": 1.40, "0.1%": 1.60},
}
"""The most that the cheapest setting within the violations may cost, by class, × the oracle."""
SHORT_LEAD_COSTS = {"1%": 1.06, "0.1%": 1.15}
"""The same of the smooth class, with a lead time of 1 min."""
BURSTY_VIOLATIONS, BURSTY_COST = 0.35, 0.80
"""Of target tracking's violations at its cost; of its cost at its violations."""
REALISED = (0.3, 1.2)
"""Realised violations, × the budget."""
MOST = 0.9
"""The share of the traces on which a promise must hold."""
DEARER = 1.02
"""Times as much is dearer."""
COVERED = (0.985, 0.995)
"""Coverage of the 99 % quantile."""
WORST_ERROR, GOOD_ERROR, GOOD_ON = 1.02, 0.8, 0.8
"""WAPE, × the best naive forecast's: never more than; well below; on this share of the traces."""
BURSTS_MET = 0.9
"""The share of hourly bursts that are met before they come, from which on they count as learned."""


class Verdict(msgspec.Struct, frozen=True):
    """One promise. `found` is what was measured, `missed` by how much and where (empty: nowhere)."""

    about: str
    promised: str
    found: str
    reached: bool
    missed: str = ""


def better(own: Spot, other: Spot) -> bool:
    """Cheaper, and no more violations."""
    return own.cost < other.cost and own.violations <= other.violations


def worse(own: Spot, other: Spot) -> bool:
    """More than 2 % dearer, and more violations."""
    return own.cost > DEARER * other.cost and own.violations > other.violations


def share(value: float, digits: int = 0) -> str:
    """0.125 is `12.5 %`, with a digit."""
    return f"{100 * value:.{digits}f} %"


def percent(budget: str) -> float:
    """`0.1%` is 0.1."""
    return float(budget.rstrip("%"))


def allowed(result: Result, budget: str) -> float:
    """Minutes of mean load that a budget lets be violated."""
    return percent(budget) / 100 * result.minutes


def too_coarse(result: Result, budget: str, lead: int) -> bool:
    """One late reaction (a lead time, or a step of the recording) is more than the budget's whole range."""
    low, high = REALISED
    return (high - low) * allowed(result, budget) < max(lead, result.step / 60)


def within(spot: Spot, budget: str) -> bool:
    """What was realised is what was asked for, roughly."""
    low, high = REALISED
    return low <= spot.violations / percent(budget) <= high


def verdicts(results: Sequence[Result]) -> list[Verdict]:
    """Every promise that the traces at hand can tell something about."""
    judged = [result for result in results if result.judged]
    parts: tuple[Callable[[Sequence[Result]], Iterator[Verdict]], ...] = (
        _costs,
        _bursty,
        _status_quo,
        _never_both,
        _budgets,
        _short_lead,
        _hourly,
        _covered,
        _errors,
    )
    return [verdict for part in parts for verdict in part(judged)]


def _costs(results: Sequence[Result]) -> Iterator[Verdict]:
    for kind, limits in COSTS.items():
        of_kind = [(r, r.leads["4"]) for r in results if r.kind == kind and "4" in r.leads]
        for budget, most in limits.items():
            yield from _at_most(f"{kind}, V ≤ {_text(budget)}", of_kind, budget, most)


def _short_lead(results: Sequence[Result]) -> Iterator[Verdict]:
    smooth = [(r, r.leads["1"]) for r in results if r.kind == SMOOTH and "1" in r.leads]
    for budget, most in SHORT_LEAD_COSTS.items():
        yield from _at_most(f"{SMOOTH}, lead time 1 min, V ≤ {_text(budget)}", smooth, budget, most)


def _at_most(about: str, some: Sequence[tuple[Result, Ahead]], budget: str, most: float) -> Iterator[Verdict]:
    some = [(r, a) for r, a in some if a.frontier]
    found = [(r.title, cost_at(a.frontier, percent(budget))) for r, a in some]
    if not found:
        return
    bad = [(title, cost) for title, cost in found if cost is None or round(cost, 2) > most]
    yield Verdict(
        about,
        f"C ≤ {most:.2f}",
        ", ".join(
            f"{title} {_cost(cost)}{_tuned(a, budget)}"
            for (title, cost), (_, a) in zip(found, some, strict=True)
        ),
        not bad,
        ", ".join(f"{title} {_over(cost, most)}" for title, cost in bad),
    )


def _bursty(results: Sequence[Result]) -> Iterator[Verdict]:
    some = [r for r in results if r.kind == BURSTY and "4" in r.leads and r.leads["4"].frontier]
    if not some:
        return
    ratios = [(r.title, *bursty_ratios(r.leads["4"])) for r in some]
    for about, most, place in (
        ("V at target tracking's cost", BURSTY_VIOLATIONS, 1),
        ("C at target tracking's V", BURSTY_COST, 2),
    ):
        found = [(str(row[0]), row[place]) for row in ratios]
        bad = [(title, x) for title, x in found if not isinstance(x, float) or round(x, 2) > most]
        yield Verdict(
            f"{BURSTY}, {about}",
            f"≤ {most:.2f} × target tracking's (60 %)",
            ", ".join(f"{title} {_number(x)}" for title, x in found),
            not bad,
            ", ".join(f"{title} {_number(x)}" for title, x in bad),
        )


def bursty_ratios(ahead: Ahead) -> tuple[float | None, float | None]:
    """Violations at target tracking's cost, and cost at its violations, each over target tracking's own."""
    tracking = ahead.baselines[TRACKING]
    fewer = violations_at(ahead.frontier, tracking.cost)
    cheaper = cost_at(ahead.frontier, tracking.violations)
    return (
        None if fewer is None or not tracking.violations else fewer / tracking.violations,
        None if cheaper is None else cheaper / tracking.cost,
    )


def _status_quo(results: Sequence[Result]) -> Iterator[Verdict]:
    for target in TARGETS:
        pairs = list(_pairs(results, target))
        if not pairs:
            continue
        bad = [(r.title, own, other) for r, own, other in pairs if not better(own, other)]
        yield Verdict(
            f"status-quo against target tracking at {_text(target)}",
            f"cheaper and no more violations on {share(MOST)} of the traces",
            f"{len(pairs) - len(bad)} of {len(pairs)}",
            len(pairs) - len(bad) >= MOST * len(pairs),
            ", ".join(f"{title} ({_against(own, other)})" for title, own, other in bad),
        )


def _never_both(results: Sequence[Result]) -> Iterator[Verdict]:
    pairs = [(r, target, own, other) for target in TARGETS for r, own, other in _pairs(results, target)]
    if not pairs:
        return
    bad = [(r.title, target, own, other) for r, target, own, other in pairs if worse(own, other)]
    yield Verdict(
        "status-quo, both dearer (> 2 %) and more violations",
        "never",
        f"{len(bad)} of {len(pairs)}",
        not bad,
        ", ".join(
            f"{title} at {_text(target)} ({_against(own, other)})" for title, target, own, other in bad
        ),
    )


def _pairs(results: Sequence[Result], target: str) -> Iterator[tuple[Result, Spot, Spot]]:
    for result in results:
        ahead = result.leads.get("4")
        if ahead is not None and target in ahead.status_quo:
            yield result, ahead.status_quo[target], ahead.baselines[f"target-tracking:{target}"]


def _budgets(results: Sequence[Result]) -> Iterator[Verdict]:
    low, high = REALISED
    for budget in BUDGETS:
        some = [(r, a.budgets[budget]) for r in results if (a := r.leads.get("4")) and budget in a.budgets]
        some = [(r, spot) for r, spot in some if not too_coarse(r, budget, 4)]
        if not some:
            continue
        bad = [(r.title, spot.violations / percent(budget)) for r, spot in some if not within(spot, budget)]
        yield Verdict(
            f"budget {_text(budget)}: realised violations",
            f"{low:g}-{high:g} × the budget on {share(MOST)} of the traces",
            f"{len(some) - len(bad)} of {len(some)}",
            len(some) - len(bad) >= MOST * len(some),
            ", ".join(f"{title} {ratio:.2f} ×" for title, ratio in bad),
        )


def _hourly(results: Sequence[Result]) -> Iterator[Verdict]:
    for result in results:
        if result.bursts is None or not every_hour(result):
            continue
        met = result.bursts.share
        own = max(value for name, value in met.items() if name != TRACKING)
        yield Verdict(
            f"{result.title}: {result.bursts.bursts:,} bursts, one every hour",
            f"{share(BURSTS_MET)} of them met before they come",
            ", ".join(f"{name} {share(value)}" for name, value in met.items()),
            own >= BURSTS_MET,
            "" if own >= BURSTS_MET else share(own),
        )


def every_hour(result: Result) -> bool:
    """There is about one burst an hour, and by the clock."""
    found = result.bursts
    return found is not None and found.bursts > 0.6 * result.minutes / 60 and found.hourly > 0.7


def _covered(results: Sequence[Result]) -> Iterator[Verdict]:
    low, high = COVERED
    found = [(r.title, q.coverage_99) for r in results if (q := r.main.quality) is not None]
    if not found:
        return
    bad = [(title, covered) for title, covered in found if not low <= round(covered, 4) <= high]
    yield Verdict(
        "99 % quantile: outcomes at or below it",
        f"{share(low, 1)} to {share(high, 1)} on every trace",
        f"{len(found) - len(bad)} of {len(found)}; {_range(found, lambda x: share(x, 2))}",
        not bad,
        ", ".join(f"{title} {share(covered, 2)}" for title, covered in bad),
    )


def _errors(results: Sequence[Result]) -> Iterator[Verdict]:
    found = [(r.title, q.worst) for r in results if (q := r.main.quality) is not None]
    if not found:
        return
    bad = [(title, ratio) for title, ratio in found if ratio > WORST_ERROR]
    yield Verdict(
        "error (WAPE of the median) over the best naive forecast's",
        f"≤ {WORST_ERROR:.2f} on every trace",
        f"{len(found) - len(bad)} of {len(found)}; {_range(found, _number)}",
        not bad,
        ", ".join(f"{title} {ratio:.2f}" for title, ratio in bad),
    )
    dull = [(title, ratio) for title, ratio in found if ratio > GOOD_ERROR]
    yield Verdict(
        "the same, at least 20 % better",
        f"≤ {GOOD_ERROR:.2f} on {share(GOOD_ON)} of the traces",
        f"{len(found) - len(dull)} of {len(found)}",
        len(found) - len(dull) >= GOOD_ON * len(found),
        ", ".join(f"{title} {ratio:.2f}" for title, ratio in dull),
    )


def _text(budget: str) -> str:
    return budget.replace("%", " %")


def _tuned(ahead: Ahead, budget: str) -> str:
    """What the controller made of it by itself, which did not know the best price in hindsight."""
    spot = ahead.budgets.get(budget)
    return "" if spot is None else f" (self-tuned {spot.cost:.2f} at V {spot.violations:.2f} %)"


def _cost(cost: float | None) -> str:
    return "none" if cost is None else f"{cost:.2f}"


def _number(ratio: object) -> str:
    return f"{ratio:.2f}" if isinstance(ratio, float) else "cannot be told"


def _over(cost: float | None, most: float) -> str:
    """By how much it is too dear, of what lies above the oracle too."""
    return "never so few violations" if cost is None else f"{cost:.2f} (+{share(cost / most - 1, 1)})"


def _against(own: Spot, other: Spot) -> str:
    violated = f"V {own.violations:.2f} % against {other.violations:.2f} %"
    return f"C {own.cost:.2f} against {other.cost:.2f}, {violated}"


def _range(found: Sequence[tuple[str, float]], text: Callable[[float], str]) -> str:
    values = [value for _, value in found]
    return f"{text(min(values))} to {text(max(values))}"
