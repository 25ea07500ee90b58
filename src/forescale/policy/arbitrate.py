"""From many proposals to one capacity: pure, and ties go to the safer side."""

from collections.abc import Sequence
from itertools import groupby
from math import inf

from forescale.model.decision import Clamp, Proposal, Reason
from forescale.model.value import Value


class Verdict(Value, frozen=True):
    """What the policies together prefer (`wanted`), where their bounds lead it (`desired`), and why.

    `clamps` lead from the one to the other; `blind`: one of the policies could not see.
    """

    wanted: int
    desired: int
    reasons: tuple[Reason, ...] = ()
    clamps: tuple[Clamp, ...] = ()
    blind: bool = False


def arbitrate(proposals: Sequence[Proposal], current: int) -> Verdict:
    """The largest preference, within everybody's bounds.

    A policy that prefers what is there now outweighs one that would scale in, and one that
    would scale out outweighs both. Bounds of higher priority narrow those of lower; at equal
    priority a lower bound wins over an upper one. No preference at all means `current`.
    """
    if len(proposals) == 1 and proposals[0].lower is proposals[0].upper is None:  # the usual case
        (only,) = proposals
        wanted = current if only.desired is None else only.desired
        return Verdict(wanted, wanted, only.reasons, (), only.blind)
    preferences = [p.desired for p in proposals if p.desired is not None]
    wanted = max(preferences, default=current)
    reasons = tuple(
        reason for p in proposals if p.blind or p.desired in (None, wanted) for reason in p.reasons
    )
    desired, clamps = _bind(wanted, proposals)
    return Verdict(wanted, desired, reasons, clamps, any(p.blind for p in proposals))


def _bind(wanted: int, proposals: Sequence[Proposal]) -> tuple[int, tuple[Clamp, ...]]:
    bounding = [p for p in proposals if p.lower is not None or p.upper is not None]
    if not bounding:
        return wanted, ()
    lower, upper = _bounds(bounding)
    bound = int(min(max(wanted, lower), upper))
    if bound == wanted:
        return wanted, ()
    binding = max((p for p in bounding if bound in (p.lower, p.upper)), key=lambda p: p.priority)
    why = binding.reasons[0].text if binding.reasons else f"bound of {binding.policy}"
    return bound, (Clamp(binding.policy, wanted, bound, why),)


def _bounds(proposals: Sequence[Proposal]) -> tuple[float, float]:
    lower, upper = -inf, inf
    ranked = sorted(proposals, key=lambda p: -p.priority)
    for _, group in groupby(ranked, key=lambda p: p.priority):
        peers = list(group)
        low = max((p.lower for p in peers if p.lower is not None), default=-inf)
        high = max(min((p.upper for p in peers if p.upper is not None), default=inf), low)
        lower, upper = min(max(lower, low), upper), max(min(upper, high), lower)
    return lower, upper
