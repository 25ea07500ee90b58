"""How many steps a second the engine does on one core, for one target with a reactive policy.

    python benchmarks/step.py [--hours 24] [--runs 7]

A target with the default settings (target tracking, all guards) lives through a load with
daily and hourly waves, evaluated every 10 s with a datapoint a minute, as live; then every minute
with a datapoint each, as in a backtest. Its events are recorded first and then replayed, so that
only `step` is measured, in CPU seconds. Exit code 1 where the median is below the goal.
"""

import argparse
import math
import statistics
import sys
import time

from forescale.engine.settings import TargetSettings
from forescale.engine.step import step
from forescale.model.effect import Act, Done
from forescale.model.event import Event, Observed, Reported
from forescale.model.fleet import FleetStatus
from forescale.model.sample import Sample, Unit
from forescale.model.state import State

GOAL = 20_000
START = 1_767_571_200.0  # 2026-01-05 00:00 UTC
LEAD, MINUTE, DAY = 240.0, 60.0, 86400.0


def load(now: float) -> float:
    """Demand in instances: between 3 and 37, by day and by hour."""
    return 20.0 - 14.0 * math.cos(now / DAY * math.tau) + 3.0 * math.sin(now / 3600.0 * math.tau)


def record(cfg: TargetSettings, interval: float, hours: float) -> tuple[list[Event], int]:
    """The events of a target's life, and how many actions are among them."""
    events: list[Event] = []
    state, fleet, actions = State("bench"), None, 0
    launched = [START - DAY] * math.ceil(load(START) / 0.6)
    for tick in range(int(hours * 3600 / interval)):
        now = START + (tick + 1) * interval
        serving = sum(launch + LEAD <= now for launch in launched)
        found = FleetStatus(len(launched), 1, 100, serving, len(launched) - serving)
        told = None if found == fleet else found
        fleet = found
        samples: tuple[Sample, ...] = ()
        if now % MINUTE == 0:
            percent = min(load(now) / serving, 1.0) * 100
            samples = (Sample("cpu", now - MINUTE, percent, Unit.PERCENT, "bench"),)
        events.append(Observed(f"r{tick}", now, samples, told))
        state, effects = step(state, events[-1], cfg)
        for effect in effects:
            if isinstance(effect, Act):
                action, actions = effect.action, actions + 1
                launched += [now] * (action.desired - len(launched))
                launched = launched[: action.desired]
                events.append(Reported(f"r{tick}", now, Done(action.id, action.desired)))
                state, _ = step(state, events[-1], cfg)
    return events, actions


def rate(cfg: TargetSettings, events: list[Event]) -> float:
    """Steps a second of CPU time."""
    state = State("bench")
    start = time.process_time()
    for event in events:
        state, _ = step(state, event, cfg)
    return len(events) / (time.process_time() - start)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    cfg, medians = TargetSettings(), []
    for name, interval in (
        ("every 10 s, a datapoint a minute", 10.0),
        ("every minute, a datapoint each", MINUTE),
    ):
        events, actions = record(cfg, interval, args.hours * interval / 10.0)
        rates = [rate(cfg, events) for _ in range(args.runs)]
        medians.append(statistics.median(rates))
        spread = f"median of {args.runs}; {min(rates):,.0f} to {max(rates):,.0f}"
        print(f"{name}: {medians[-1]:,.0f} steps/s  ({spread})")
        print(f"  {len(events):,} events, {actions} actions")
    print(f"goal: {GOAL:,} steps/s on one core")
    return int(min(medians) < GOAL)


if __name__ == "__main__":
    sys.exit(main())
