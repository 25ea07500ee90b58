"""Which decisions were wrong: the worst violations and the greatest waste, each with its decision.

An episode is a stretch of minutes that one mistake explains. For too little capacity the
decision that counts is the last one that could have prevented it, one boot time before the first
short minute; for too much, that of the middle of the wait, or of the launch nobody needed.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from forescale.model.decision import Decision
from forescale.model.value import Value
from forescale.series.trace import Floats
from forescale.sim.measures import short
from forescale.sim.oracle import Ints, needed
from forescale.sim.run import Run
from forescale.sim.spending import Bools, Purposes

_JUMP = 1.1  # the load one boot later, as a share of what there was capacity for: more is a jump


class Episode(Value, frozen=True):
    """A stretch of the scored minutes [first, end), and what it cost.

    `share` is in % of all requests (too little) or of all instance-hours (too much), `instances` the
    largest number that lacked or were too many, `hours` instance-hours too many. `cause` says in words what
    went wrong, `minute` is that of the decision that counts, and `decision` that decision,
    where decisions were recorded.
    """

    first: int
    end: int
    share: float
    instances: int
    hours: float
    cause: str
    minute: int
    decision: Decision | None = None


def shortages(run: Run, load: Floats, lead: int, decisions: Sequence[Decision], most: int) -> list[Episode]:
    """The worst stretches of too little capacity, by the requests they failed; worst first.

    Short minutes no further apart than a boot are one episode. `decisions` are those at the
    end of each scored minute, or none.
    """
    late, requests = short(load, run.serving), np.nan_to_num(load)
    total, need = float(requests.sum()), needed(load)
    stretches = list(_stretches(late, join=lead + 1))
    failed = {pair: float((requests * late)[slice(*pair)].sum()) for pair in stretches}
    worst = sorted(stretches, key=lambda pair: -failed[pair])[:most]
    found = []
    for first, end in worst:
        minute = max(first - lead - 1, 0)
        decision = decisions[minute] if decisions else None
        lack = int((need - run.serving)[first:end].max())
        cause = _why_short(run, need, first, minute, decision)
        share = 100 * failed[first, end] / total
        found.append(Episode(first, end, share, lack, 0.0, cause, minute, decision))
    return found


def waste(run: Run, load: Floats, lead: int, decisions: Sequence[Decision], most: int) -> list[Episode]:
    """The costliest stretches of capacity that nobody needed; costliest first.

    Either instances that had served their need and waited to be removed, or instances that
    were never needed between a launch and their end.
    """
    purposes = Purposes(run, load, lead)
    found = [
        *_wasted(purposes.waiting, run, decisions, _why_waiting, late=True),
        *_wasted(purposes.spare, run, decisions, _why_spare, late=False),
    ]
    return sorted(found, key=lambda episode: -episode.hours)[:most]


def _wasted(
    amount: Floats,
    run: Run,
    decisions: Sequence[Decision],
    why: Callable[[Run, int, int, int], str],
    *,
    late: bool,
) -> Iterator[Episode]:
    total = float(run.billed.sum())
    for first, end in _stretches(amount > 0, join=1):
        minutes, highest = float(amount[first:end].sum()), int(amount[first:end].max())
        minute = (first + end - 1) // 2 if late else max(first - 1, 0)
        yield Episode(
            first,
            end,
            100 * minutes / total,
            highest,
            minutes / 60,
            why(run, first, end, highest),
            minute,
            decisions[minute] if decisions else None,
        )


def _why_short(run: Run, need: Ints, first: int, minute: int, decision: Decision | None) -> str:
    """The first of these that holds, from what is surest to what is left."""
    if decision is not None and any(clamp.rule == "max" for clamp in decision.clamps):
        return "the maximum was reached"
    held = decision is not None and decision.wanted > decision.desired
    if decision is not None and decision.blockers and held:
        return f"a scale-out was held back by {decision.blockers[0].rule}"
    desired, wanted, now = int(run.desired[minute]), int(need[first]), int(need[minute])
    before = int(run.desired[max(minute - 15, 0) : minute + 1].max())
    if desired < wanted <= before:
        return f"{before - desired} had just been taken away"
    if now <= desired and wanted > _JUMP * desired:
        return f"the load jumped from {now} to {wanted} instances within a boot"
    if now > desired:
        return f"the load had outgrown the capacity already: {now} needed, {desired} there or on their way"
    return f"the headroom was too small: {desired} there or on their way, {wanted} needed a boot later"


def _why_waiting(run: Run, first: int, end: int, most: int) -> str:
    gone = end < len(run.billed) and run.billed[end] < run.billed[end - 1]
    until = f"removed {end - first} minutes later" if gone else "still there at the end"
    return f"{most} had served their need, and were {until}"


def _why_spare(run: Run, first: int, end: int, most: int) -> str:
    before, top = int(run.billed[max(first - 1, 0)]), int(run.billed[first:end].max())
    grown = f"scaled out from {before} to {top}; " if top > before else ""
    return f"{grown}{most} of {top} were headroom that was never called on"


def _stretches(marks: Bools, join: int) -> Iterator[tuple[int, int]]:
    """[first, end) of each run of marks; runs fewer than `join` minutes apart are one."""
    at = np.flatnonzero(marks)
    if not len(at):
        return
    cuts = np.flatnonzero(np.diff(at) > join)
    firsts = at[np.concatenate(([0], cuts + 1))]
    ends = at[np.concatenate((cuts, [len(at) - 1]))] + 1
    yield from zip(firsts.tolist(), ends.tolist(), strict=True)
