"""Which decisions were wrong: the worst violations and the greatest waste, each with its decision.

An episode is a stretch of minutes that one mistake explains. For too little capacity the
decision that counts is the last one that could have prevented it, one boot time before the first
short minute; for too much, that of the middle of the wait, or of the launch nobody needed.
"""

from collections.abc import Iterator, Sequence

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
    """The costliest mistakes that left too much: scale-ins that came late, and scale-outs for nothing.

    Costliest first. Headroom is no mistake in itself, so it is not here; `Purposes` tells how
    much of it there was.
    """
    purposes = Purposes(run, load, lead)
    found = [*_late(purposes.waiting, run, decisions), *_needless(purposes.best, run, decisions)]
    return sorted(found, key=lambda episode: -episode.hours)[:most]


def _late(waiting: Ints, run: Run, decisions: Sequence[Decision]) -> Iterator[Episode]:
    """Stretches in which instances waited to be removed; the decision is that of the middle."""
    total = float(run.billed.sum())
    for first, end in _stretches(waiting > 0, join=1):
        minutes, most = float(waiting[first:end].sum()), int(waiting[first:end].max())
        minute = (first + end - 1) // 2
        cause = f"the load had gone, and {most} stayed for up to {end - first} minutes more"
        decision = decisions[minute] if decisions else None
        yield Episode(first, end, 100 * minutes / total, most, minutes / 60, cause, minute, decision)


def _needless(best: Ints, run: Run, decisions: Sequence[Decision]) -> Iterator[Episode]:
    """Scale-outs without which the oracle would have had enough, until what they added was gone."""
    total = float(run.billed.sum())
    for minute in (np.flatnonzero(np.diff(run.billed) > 0)).tolist():
        before, after = int(run.billed[minute]), int(run.billed[minute + 1])
        gone = np.flatnonzero(run.billed[minute + 1 :] <= before)
        end = minute + 1 + int(gone[0]) if len(gone) else len(run.billed)
        asked = int(best[minute + 1 : end].max())
        if asked > before:
            continue
        added = np.clip(run.billed[minute + 1 : end] - before, 0, after - before)
        minutes, most = float(added.sum()), after - before
        cause = f"scaled out from {before} to {after}, and never more than {asked} were needed"
        decision = decisions[minute] if decisions else None
        yield Episode(minute + 1, end, 100 * minutes / total, most, minutes / 60, cause, minute, decision)


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


def _stretches(marks: Bools, join: int) -> Iterator[tuple[int, int]]:
    """[first, end) of each run of marks; runs fewer than `join` minutes apart are one."""
    at = np.flatnonzero(marks)
    if not len(at):
        return
    cuts = np.flatnonzero(np.diff(at) > join)
    firsts = at[np.concatenate(([0], cuts + 1))]
    ends = at[np.concatenate((cuts, [len(at) - 1]))] + 1
    yield from zip(firsts.tolist(), ends.tolist(), strict=True)
