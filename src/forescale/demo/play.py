"""Plays a load against the real runtime, on a local AWS, by a virtual clock."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, isnan
from pathlib import Path

import numpy as np

from forescale.config.settings import Config
from forescale.demo.local_aws import LocalAws
from forescale.model.journal import Entry
from forescale.model.value import Value
from forescale.runtime.clock import VirtualClock
from forescale.runtime.replay import Replay, replay
from forescale.runtime.runtime import Runtime
from forescale.runtime.session import open_session
from forescale.series.trace import STEP, Trace
from forescale.sim.backtest import compare, simulate
from forescale.sim.baselines import baseline_target_tracking, static
from forescale.sim.measures import Score
from forescale.sim.oracle import needed
from forescale.sim.run import Run

GROUP = "demo-asg"
WARMUP = 60
"""Minutes played before the scored ones, so that no strategy is judged by its first guess."""
HEADROOM = 4
"""The group's maximum, as a multiple of the load's 99.9th percentile."""
_METRIC = "AWS/EC2 CPUUtilization"
# The runtime's own tasks sleep on the clock as well: orders and leases, and pruning.
_HOUSEKEEPING = 2


@dataclass(frozen=True)
class Minute:
    """What happened in a minute: `load` in instances (None: absent), instances of each kind."""

    number: int
    load: float | None
    serving: int
    billed: int
    desired: int


class Result(Value, frozen=True):
    """The measures of each strategy on the scored minutes, and whether the ledger replays equal."""

    strategies: dict[str, Score]
    replay: Replay
    requests: int
    actions: int


def settings(aws: LocalAws, store: Path, peak: int) -> Config:
    """The demo's configuration: a group kept at 70 % of its CPU, and allowed to act.

    It can afford a higher target than the 60 % it is compared with, because it reacts
    within a minute instead of three.
    """
    return Config.model_validate(
        {
            "aws": aws.settings.model_dump(),
            "dry_run": False,
            "interval": "60s",
            "store": f"sqlite:///{store}",
            "health": None,
            "targets": {
                "demo": {
                    "actuator": {"type": "asg", "group": GROUP},
                    "policies": [
                        {"type": "target_tracking", "target": 0.7, "out_after": "60s", "in_after": "10m"}
                    ],
                    "guards": {"min": 1, "max": HEADROOM * peak},
                }
            },
        }
    )


async def play(
    load: Trace,
    *,
    lead: int,
    peak: int,
    speed: float,
    store: Path,
    on_minute: Callable[[Minute], None],
    on_entry: Callable[[Entry], None],
) -> Result:
    """Play `load` (in instances, `WARMUP` minutes first) and compare what was done.

    `lead` is the boot time in minutes, `speed` virtual seconds per real one (inf: as fast
    as it goes). The metric of a minute is published at its end, when it also decides, as
    in the backtest.
    """
    clock = VirtualClock(load.start)
    first = next((x for x in load.load.tolist() if not isnan(x)), 1.0)
    with LocalAws(clock, boot_delay=lead * STEP) as aws:
        desired = min(max(ceil(first), 1), HEADROOM * peak)
        aws.create_group(GROUP, minimum=1, maximum=HEADROOM * peak, desired=desired)
        config = settings(aws, store, peak)
        with open_session(config, clock, clients=aws.clients(), watch=on_entry) as session:
            async with asyncio.TaskGroup() as tasks:  # a runtime that fails must not be waited for
                tasks.create_task(session.runtime.run())
                minutes = await _drive(load, aws, clock, session.runtime, speed, on_minute)
                session.runtime.stop()
            again = replay(session.ledger, "demo")
        actions = sum(a.desired != b.desired for a, b in pairwise(minutes))
        return Result(_compare(load, minutes, lead), again, len(aws.requests), actions)


async def _drive(
    load: Trace,
    aws: LocalAws,
    clock: VirtualClock,
    runtime: Runtime,
    speed: float,
    on_minute: Callable[[Minute], None],
) -> list[Minute]:
    minutes: list[Minute] = []
    parties = len(runtime.loops) + _HOUSEKEEPING
    await clock.resting(parties)
    began = time.monotonic()
    for number, value in enumerate(load.load.tolist()):
        known = None if isnan(value) else value
        serving, billed, _ = _count(aws)
        if known is not None:
            used = 100 * known / max(serving, 1)
            dimensions = {"AutoScalingGroupName": GROUP}
            aws.put_metric(_METRIC, used, time=clock.now(), dimensions=dimensions)
        clock.advance(load.time(number + 1))
        await clock.resting(parties)
        minutes.append(Minute(number, known, serving, billed, _count(aws)[2]))
        on_minute(minutes[-1])
        await asyncio.sleep(max(began + STEP * (number + 1) / speed - time.monotonic(), 0))
    return minutes


def _count(aws: LocalAws) -> tuple[int, int, int]:
    """Instances in service, and there at all, and the desired capacity."""
    aws.groups.advance()
    group = aws.groups.group(aws.region, GROUP)
    states = [state.lifecycle_state for state in group.instance_states]
    return states.count("InService"), len(states), group.desired_capacity


def _compare(load: Trace, minutes: list[Minute], lead: int) -> dict[str, Score]:
    columns = ([getattr(m, name) for m in minutes] for name in ("serving", "billed", "desired"))
    configured = Run(*(np.array(column, dtype=np.int64) for column in columns))
    scored = load.load[WARMUP:]
    runs = {
        "configured": configured.after(WARMUP),
        "target-tracking": simulate(baseline_target_tracking(), load, lead).after(WARMUP),
        "static-peak": static(int(needed(scored).max()), len(scored)),
    }
    return compare(runs, scored, lead)
