"""Strategies to compare with, by name."""

import numpy as np

from forescale.engine.settings import TargetSettings
from forescale.series.trace import Floats
from forescale.sim.oracle import in_service, needed, oracle
from forescale.sim.run import Run


def baseline_target_tracking(target: float = 0.6) -> TargetSettings:
    """Target tracking as a cloud does it, without any guard of ours: what to compare with.

    Out once utilisation has been above `target` for 3 minutes in a row, to ⌈n · utilisation
    / target⌉; in, by the same rule, once it has been below 0.9 of it for 15 and nothing is
    booting.
    """
    tracking = {"type": "target_tracking", "target": target}
    tracking |= {"out_after": "3m", "in_after": "15m", "in_below": 0.9}
    guards = {
        "cooldown": {"out": 0, "in": 0},
        "stabilisation": {"out": 0, "in": 0},
        "reversals": {"count": 1, "window": 0},
    }
    return TargetSettings.model_validate({"policies": [tracking], "guards": guards})


def static(instances: int, minutes: int) -> Run:
    """The same capacity throughout."""
    flat = np.full(minutes, instances, dtype=np.int64)
    return Run(flat, flat, flat)


def oracle_run(load: Floats, lead: int) -> Run:
    """The cheapest plan without a violation, by somebody who knows the load."""
    billed = oracle(needed(load), lead)
    # what it wants at the end of a minute is what it is billed in the next
    return Run(in_service(billed, lead), billed, np.append(billed[1:], billed[-1:]))
