"""What it costs to look after many targets: CPU, memory, how long an evaluation takes, room on disk.

    python benchmarks/targets.py [--targets 1000] [--seconds 60] [--interval 10] [--days 1]

The real runtime on a real SQLite ledger, with sources and groups that live in memory, so that
no AWS call is counted. First in real time; then a few targets by a virtual clock for whole
days, to see what the ledger grows by. Exit code 1 where a goal is missed: half of one core and
500 MB for 1,000 targets every 10 s.
"""

import argparse
import asyncio
import math
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import structlog

from forescale.config.settings import Target
from forescale.model.effect import Action, Done, Outcome
from forescale.model.fleet import FleetStatus
from forescale.model.protocols import Clock
from forescale.model.sample import InstanceRef, Sample, Unit, Window
from forescale.runtime.clock import SystemClock, VirtualClock
from forescale.runtime.runtime import Runtime
from forescale.runtime.target import Pace, Part
from forescale.store import Ledger

GOAL_CORE, GOAL_MEMORY = 0.5, 500e6
LEAD, DAY, MINUTE = 120.0, 86400.0, 60.0
SETTLE = 20.0  # seconds in which every target is picked up and its history read: not counted
FEW = 20  # targets in the long run
_HOUSEKEEPING = 2  # the runtime's own sleepers


class Group:
    """A group in memory, its load, and both adapters in one."""

    def __init__(self, number: int, clock: Clock) -> None:
        self._clock, self._random = clock, random.Random(number)
        self._phase, self._size = self._random.random() * DAY, 2 + 8 * self._random.random()
        self._desired = math.ceil(self._load(clock.now()) / 0.5)
        self._launched = [clock.now() - DAY] * self._desired
        self._seen: dict[float, float] = {}
        self.errors: tuple[str, ...] = ()

    async def observe(self) -> FleetStatus:
        """As the protocol says, like all of these."""
        serving = self._serving(self._clock.now())
        return FleetStatus(
            self._desired, 1, 100, len(serving), pending=self._desired - len(serving), launched=serving
        )

    def instances(self) -> tuple[InstanceRef, ...]:
        """None is read by itself."""
        return ()

    async def apply(self, action: Action) -> Outcome:
        """New instances serve after a lead time."""
        now, more = self._clock.now(), action.desired - self._desired
        self._launched = self._launched[: action.desired] + [now] * max(more, 0)
        self._desired = action.desired
        return Done(action.id, action.desired)

    async def read(self, window: Window) -> Sequence[Sample]:
        """A datapoint for each whole minute."""
        first, last = math.ceil(window.start / MINUTE), int(window.end // MINUTE)
        times = [minute * MINUTE for minute in range(first, last)]
        for at in times:
            if at not in self._seen:  # measured once, as it was then
                self._seen[at] = 100 * self._load(at) / max(len(self._serving(at + MINUTE)), 1)
        self._seen = {at: self._seen[at] for at in times}
        return [Sample("cpu", at, value, Unit.PERCENT, "memory") for at, value in self._seen.items()]

    def _serving(self, now: float) -> tuple[float, ...]:
        return tuple(sorted(at for at in self._launched if at + LEAD <= now))

    def _load(self, now: float) -> float:
        wave = 1 + 0.5 * math.sin(2 * math.pi * (now + self._phase) / DAY)
        return self._size * wave * self._random.gauss(1.0, 0.04)


def parts(count: int, clock: Clock) -> list[Part]:
    settings = Target.model_validate({"actuator": {"type": "asg", "group": "web"}})
    groups = ((f"group-{i:04}", Group(i, clock)) for i in range(count))
    return [Part(name, settings, group, group) for name, group in groups]


def timed(loop: Any, took: list[float]) -> None:
    """Note how long each evaluation of a target takes, from its turn to its last write."""
    tick = loop.tick

    async def measured() -> None:
        begin = time.perf_counter()
        await tick()
        took.append(time.perf_counter() - begin)

    loop.tick = measured


async def in_real_time(
    ledger: Ledger, targets: int, seconds: float, interval: float
) -> tuple[float, list[float]]:
    """The share of a core that is busy, and the seconds each evaluation took."""
    clock, took = SystemClock(), list[float]()
    runtime = Runtime(parts(targets, clock), ledger, clock, holder="benchmark", pace=Pace(interval=interval))
    for loop in runtime.loops:
        timed(loop, took)
    running = asyncio.create_task(runtime.run())
    await asyncio.sleep(SETTLE)
    took.clear()
    begin, busy = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    share = (time.process_time() - busy) / (time.perf_counter() - begin)
    late = runtime.late()
    runtime.stop()
    await running
    if late:
        raise SystemExit(f"{len(late)} targets fell behind: {next(iter(late.values()))}")
    return share, took


async def for_days(path: Path, days: float, interval: float) -> tuple[float, float, float]:
    """Bytes a target and day, actions a target and day, and evaluations a second at full speed."""
    clock = VirtualClock(1_767_225_600.0)
    with Ledger.open(str(path)) as ledger:
        pace = Pace(interval=interval)
        runtime = Runtime(parts(FEW, clock), ledger, clock, holder="benchmark", pace=pace)
        running = asyncio.create_task(runtime.run())
        await clock.resting(FEW + _HOUSEKEEPING)
        before, begin = room(path), time.perf_counter()
        ticks = int(days * DAY / interval)
        for _ in range(ticks):
            clock.advance(clock.now() + interval)
            await clock.resting(FEW + _HOUSEKEEPING)
        took = time.perf_counter() - begin
        runtime.stop()
        await running
        actions = len(ledger.actions(limit=1_000_000))
    return (room(path) - before) / FEW / days, actions / FEW / days, FEW * ticks / took


def room(path: Path) -> int:
    """Bytes in use, after what is in the log has come into the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
        free: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
        return (pages - free) * 4096


def main() -> int:
    parser = argparse.ArgumentParser(description="See the top of this file.")
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--interval", type=float, default=10.0)
    parser.add_argument("--days", type=float, default=1.0)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder:
        with Ledger.open(str(Path(folder, "ledger.db"))) as ledger:
            share, took = asyncio.run(in_real_time(ledger, given.targets, given.seconds, given.interval))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux: in KiB
        took.sort()
        print(
            f"{given.targets} targets every {given.interval:g} s: {share:.1%} of one core, "
            f"{memory / 1e6:.0f} MB at the most"
        )
        p50, p99 = (took[int(len(took) * q)] * 1e3 for q in (0.5, 0.99))
        print(f"an evaluation, all of them at once: median {p50:.0f} ms, 99th percentile {p99:.0f} ms")
        if given.days:
            grown, actions, speed = asyncio.run(for_days(Path(folder, "days.db"), given.days, given.interval))
            print(f"ledger: {grown / 1e6:.2f} MB a target and day, with {actions:.0f} actions")
            print(f"by a virtual clock: {speed:,.0f} evaluations a second")
    return int(share > GOAL_CORE or memory > GOAL_MEMORY)


if __name__ == "__main__":
    sys.exit(main())
