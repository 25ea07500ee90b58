"""What is different from the results that were there before."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from .frontier import Spot, cost_at
from .results import Ahead, Results
from .verdicts import percent
from .work import BUDGETS

_COST, _VIOLATIONS = 0.005, 0.1  # relative changes below these are not told


def earlier(path: Path) -> Results | None:
    """The results in a file; None where there are none, or none of this form."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except (OSError, msgspec.DecodeError):
        return None


def changes(old: Results, new: Results) -> Iterator[str]:
    """A line for each figure of a trace in both that is another one now."""
    before = {result.spec: result for result in old.traces}
    for result in new.traces:
        for lead, ahead in result.leads.items():
            was = before[result.spec].leads.get(lead) if result.spec in before else None
            if was is not None:
                for text in _between(was, ahead):
                    yield f"{result.title}, lead {lead} min, {text}"


def _between(old: Ahead, new: Ahead) -> Iterator[str]:
    yield from _spots("budget", old.budgets, new.budgets)
    yield from _spots("status-quo", old.status_quo, new.status_quo)
    for budget in BUDGETS:
        one, other = (cost_at(ahead.frontier, percent(budget)) for ahead in (old, new))
        if one is not None and other is not None and abs(other - one) > _COST * one:
            yield f"frontier at V ≤ {budget}: C {one:.3f} -> {other:.3f}"


def _spots(what: str, old: Mapping[str, Spot], new: Mapping[str, Spot]) -> Iterator[str]:
    for name in sorted(old.keys() & new.keys()):
        one, other = old[name], new[name]
        cost = abs(other.cost - one.cost) > _COST * one.cost
        if cost or abs(other.violations - one.violations) > _VIOLATIONS * max(one.violations, 0.01):
            yield (
                f"{what} {name}: C {one.cost:.3f} -> {other.cost:.3f}, "
                f"V {one.violations:.3f} % -> {other.violations:.3f} %"
            )
