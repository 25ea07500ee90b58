"""How much protection to buy: from what was rehearsed, what was realised, and what is asked for.

A frontier says what each stage of protection would have cost and violated on this target's own recent
past. What is asked for is a share of requests that may be violated, fixed or that of a shadow. The
stage that would have kept it is the start; what was really violated closes the loop: below budget, less
protection is bought, above it more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from forescale.forecast.newsvendor import HEADROOMS, PRICES
from forescale.model.forecast import Frontier, Manner
from forescale.model.tally import Sums

AIM = 0.75
"""The share of the budget that is aimed at: what is realised scatters around it."""

_GAIN = 1.5  # how strongly what was realised moves the aim
_LEAST, _MOST = 0.35, 3.0  # shares of the aim within which it is moved
_PRIOR = 720.0  # minutes of a realised share as asked, before anything is known
_DOUBT = 216.0  # minutes that a rehearsed share is drawn towards the aim by,
_DRAWN = 0.1  # and to which share of it
_AVOIDABLE = 0.3  # of the aim, on top of what no stage avoids
_WORTH = 1000.0  # times what serving a request costs: no budget is worth more for one that is violated
_CHEAPER = 0.93  # times what the status quo costs: dearer is not worth the trouble
_THRIFT = 0.75  # of that, at least, may be spent where more has been of late
_SAME = 0.6  # times what the status quo violates is aimed at
_UNSEEN = 1e-5  # a share so small has not been seen; it is not nothing either
_FEW = 30.0  # minutes of violations below which a share is little more than chance
_EAGER = 0.99  # another manner of moving must be cheaper by this


@dataclass(frozen=True)
class Status:
    """What the strategy to do no worse than has cost and violated, and how often it acted a day."""

    sums: Sums
    actions: float


@dataclass(frozen=True)
class Choice:
    """A manner of moving, and a stage of protection: between two stages where it has a fraction."""

    manner: int
    stage: float


def choose(frontier: Frontier, aim: float, limit: float | None, last: int | None) -> Choice:
    """The cheapest manner at the stage that keeps `aim`, of those with no more than `limit` actions a day.

    `last` is the manner in use, which is left for a cheaper one only.
    """
    stages = [min(_stage(m, aim, frontier.steps), _worthwhile(m)) for m in frontier.manners]
    manner = _cheapest(frontier.manners, stages, limit, last)
    return Choice(manner, stages[manner])


def choose_against(frontier: Frontier, own: Sums, status: Status, last: int | None) -> Choice:
    """No more violations than the status quo, at no more than a share of its cost.

    The cheapest stage that would have violated less is the least to buy. Part of what it saves
    is spent on more protection: most of it where the status quo violates so rarely that the
    past hardly tells, half otherwise. What the status quo costs is never exceeded.
    """
    goal = max(status.sums.violations, _UNSEEN)
    aim = _SAME * corrected(goal, own) / AIM
    limit = _CHEAPER * (status.sums.cost or 0.0)
    if own.cost and own.cost > limit:  # dearer than rehearsed
        limit *= max(limit / own.cost, _THRIFT)
    rare = goal * status.sums.minutes < _FEW
    stages = []
    for manner in frontier.manners:
        stage = _stage(manner, aim, frontier.steps)
        least = _between(manner.cost, stage)
        spend = least + (0.8 if rare else 0.4) * max(limit - least, 0.0)
        stages.append(_affordable(manner.cost, min(spend, limit) if least < limit else limit))
    calmest = len(stages) - 1
    if (
        status.sums.violations * status.sums.minutes < 1
        and _between(frontier.manners[calmest].cost, stages[calmest]) <= limit
    ):  # what has not been seen comes soonest where capacity has just gone
        return Choice(calmest, stages[calmest])
    best = _safest(frontier.manners, stages, status.actions, last)
    return Choice(best, stages[best])


def corrected(budget: float, own: Sums) -> float:
    """What to aim at for a budget (a share), given what was realised of late."""
    mean = own.requests / own.minutes if own.minutes > 0 else 1.0
    realised = (own.violated + budget * _PRIOR * mean) / (own.requests + _PRIOR * mean)
    factor = 1 + _GAIN * (1 - realised / budget)
    return AIM * budget * min(max(factor, _LEAST), _MOST)


def price(stage: float) -> tuple[float, float]:
    """What a violation costs at a stage, in instance-minutes, and the headroom above the forecast."""
    last = len(PRICES) - 1
    at = min(stage, float(last))
    low = min(int(at), last - 1)
    cost = exp(log(PRICES[low]) + (at - low) * (log(PRICES[low + 1]) - log(PRICES[low])))
    return cost, _between((1.0, *HEADROOMS), max(stage - last, 0.0))


def capacity(needs: Sequence[int], stage: float) -> int:
    """Instances at a stage, from those at each whole one: to the nearest."""
    return int(_between(needs, stage) + 0.5)


def _stage(manner: Manner, aim: float, steps: float) -> float:
    """The stage that would have violated `aim`, in logarithms between two."""
    weight = steps + _DOUBT
    shares = [log((v * steps + _DRAWN * aim * _DOUBT) / weight) for v in manner.violations]
    for k in range(len(shares) - 2, -1, -1):
        shares[k] = max(shares[k], shares[k + 1])
    # What even the last stage would have violated cannot be bought off.
    wanted, k = max(log(aim), log(exp(shares[-1]) + _AVOIDABLE * aim)), len(shares) - 1
    while k > 0 and shares[k - 1] <= wanted:
        k -= 1
    if k == 0 or shares[k] > wanted:
        return float(k)
    return k - min((wanted - shares[k]) / max(shares[k - 1] - shares[k], 1e-9), 1.0)


def _worthwhile(manner: Manner) -> float:
    """The stage beyond which a violation costs more to avoid than anybody would pay."""
    worth = [cost + _WORTH * share for cost, share in zip(manner.cost, manner.violations, strict=True)]
    return float(worth.index(min(worth)))


def _affordable(costs: Sequence[float], limit: float) -> float:
    """The highest stage within a cost; the first where none is."""
    k = max((i for i, cost in enumerate(costs) if cost <= limit), default=0)
    if k + 1 == len(costs) or costs[k] > limit or costs[k + 1] <= costs[k]:
        return float(k)
    return k + min((limit - costs[k]) / (costs[k + 1] - costs[k]), 1.0)


def _cheapest(
    manners: Sequence[Manner], stages: Sequence[float], limit: float | None, last: int | None
) -> int:
    costs = [(_between(m.cost, s),) for m, s in zip(manners, stages, strict=True)]
    return _least(costs, _actions(manners, stages), limit, last)


def _safest(manners: Sequence[Manner], stages: Sequence[float], limit: float, last: int | None) -> int:
    """At the same cost for each: the one that violates least, of those the one that acts least."""
    actions = _actions(manners, stages)
    shares = [_between(m.violations, s) for m, s in zip(manners, stages, strict=True)]
    return _least(list(zip(shares, actions, strict=True)), actions, limit, last)


def _actions(manners: Sequence[Manner], stages: Sequence[float]) -> list[float]:
    return [_between(m.actions, s) for m, s in zip(manners, stages, strict=True)]


def _least(
    losses: Sequence[tuple[float, ...]], actions: Sequence[float], limit: float | None, last: int | None
) -> int:
    """The manner that loses least, of those within `limit` actions a day; `last` if it is close."""
    allowed = [i for i, count in enumerate(actions) if limit is None or count <= limit]
    if not allowed:
        return min(range(len(actions)), key=lambda i: actions[i])
    best = min(allowed, key=lambda i: losses[i])
    return last if last in allowed and losses[best][0] >= _EAGER * losses[last][0] else best


def _between(values: Sequence[float], place: float) -> float:
    low = min(int(place), len(values) - 1)
    high = min(low + 1, len(values) - 1)
    return float(values[low] + (place - low) * (values[high] - values[low]))
