"""The frontier of cost against violations: what could have been had at which price."""

from collections.abc import Sequence

import msgspec


class Spot(msgspec.Struct, frozen=True):
    """Where one setting lies: cost in multiples of the oracle's, violations in % of requests."""

    label: str
    cost: float
    violations: float
    actions: float = 0.0


def lower_edge(spots: Sequence[Spot]) -> list[Spot]:
    """Those to which no other is better on both, from the cheapest to the most careful."""
    edge: list[Spot] = []
    for spot in sorted(spots, key=lambda s: (s.cost, s.violations)):
        if not edge or spot.violations < edge[-1].violations:
            edge.append(spot)
    return edge


def cost_at(spots: Sequence[Spot], violations: float) -> float | None:
    """The least cost with no more than these violations; None where no setting has so few.

    Between two settings both are taken to change in proportion, as they do where each is
    used for part of the time: for a convex frontier that is never too cheap.
    """
    edge = lower_edge(spots)
    for before, spot in zip([None, *edge], edge, strict=False):
        if spot.violations > violations:
            continue
        if before is None:
            return spot.cost
        share = (before.violations - violations) / (before.violations - spot.violations)
        return before.cost + share * (spot.cost - before.cost)
    return None


def violations_at(spots: Sequence[Spot], cost: float) -> float | None:
    """The fewest violations at no more than this cost; None where no setting is so cheap."""
    edge = lower_edge(spots)
    found: float | None = None
    for spot, after in zip(edge, [*edge[1:], None], strict=False):
        if spot.cost > cost:
            break
        found = spot.violations
        if after is not None and after.cost > cost:
            share = (cost - spot.cost) / (after.cost - spot.cost)
            found = spot.violations + share * (after.violations - spot.violations)
    return found
