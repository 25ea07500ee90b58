"""How long a launch takes, learned from the launches there were."""

import math
from collections.abc import Sequence

from forescale.model.fleet import LeadTime

QUANTILE = 0.9
"""Nine launches in ten are at most this slow: late capacity costs more than early capacity."""
RECENT = 50
"""Launches looked at; older ones may be of another image or instance type."""


def learn_lead_time(durations: Sequence[float], *, quantile: float = QUANTILE) -> LeadTime | None:
    """The lead time that the latest launches show, or None without any.

    Args:
        durations: seconds from the start of a launch to service, oldest first; those that
            are not positive are ignored.
        quantile: the share of launches that are at most as slow. It is the nearest-rank
            quantile, the smallest duration seen that is not below that share: with few
            launches it is the slowest of them.
    """
    recent = sorted(seconds for seconds in durations[-RECENT:] if seconds > 0)
    if not recent:
        return None
    rank = math.ceil(quantile * len(recent))
    return LeadTime(round(recent[max(rank, 1) - 1], 1), len(recent))
