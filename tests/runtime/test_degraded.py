"""What must not happen when the ledger, the metrics or the clock fail: an action nobody recorded, a
scale-in on what is not known, anything lost."""

import asyncio
import resource
import signal
import sqlite3
from contextlib import contextmanager
from itertools import pairwise

import pytest

from forescale.model.decision import Direction
from forescale.model.errors import Denied
from forescale.model.event import Override
from forescale.store import Ledger
from runtime_world import MINUTE, START, World, assert_replays, staged, target

HOUR = 3600.0


# The ledger


@contextmanager
def locked(path):
    """Another process holds the lock, and does not let go."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


@contextmanager
def full(path):
    """No file may grow any more: what a full disk does to the log of the database."""
    wal = path.with_name(path.name + "-wal")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(wal.stat().st_size, 4096), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def quick(tmp_path):
    """A ledger that does not wait long for a lock."""
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}?timeout=0.05") as ledger:
        yield ledger


@pytest.mark.parametrize("broken", [locked, full])
def test_without_a_ledger_nothing_is_done_and_nothing_is_lost(quick, clock, lines, tmp_path, broken):
    world, api = World(clock), World(clock)
    path = tmp_path / "ledger.db"

    async def go():
        async with staged({"web": world, "api": api}, quick, clock) as stage:
            await stage.ticks(6, before=world.publish)
            before = quick.state("web")
            with broken(path):
                world.load = 3.0
                await stage.ticks(8, before=world.publish)
                assert world.applied == []
                late = stage.runtime.late()
                assert set(late) == {"web", "api"}
                assert f"ledger {path}" in late["web"]
                assert stage.runtime.stalled() == {}
                assert quick.state("web") == before
            await stage.ticks(1)
            assert stage.runtime.late() == {}
            assert [(a.previous, a.desired) for a in world.applied] == [(2, 6)]
            await stage.ticks(3, before=world.publish)
            return stage

    stage = asyncio.run(go())
    assert [d.id for d in stage.decisions if d.target == "web"] == [f"web-{n}" for n in range(1, 12)]
    loads = quick.state("web").loads
    assert {b.time - a.time for a, b in pairwise(loads)} == {MINUTE}
    assert_replays(quick, "web", "api")
    assert lines.events(target="web").count("ledger failing") == 1
    assert lines.events(target="web").count("ledger recovered") == 1


def test_an_outcome_that_cannot_be_written_is_found_out_later(quick, clock, tmp_path):
    world = World(clock, load=3.0)
    world.publish()
    lock = locked(tmp_path / "ledger.db")

    async def go():
        async with staged({"web": world}, quick, clock) as stage:
            world.applying = None
            await stage.ticks(3, before=world.publish)
            lock.__exit__(None, None, None)
            assert quick.state("web").history == ()
            await stage.ticks(3, before=world.publish)
            return stage

    async def then_locked():
        lock.__enter__()

    world.applying = then_locked
    stage = asyncio.run(go())
    assert len(world.applied) == 1
    assert len(quick.state("web").history) == 1
    assert "foreign_write" not in stage.kinds()
    assert_replays(quick, "web")


def test_orders_wait_for_the_ledger(quick, clock, tmp_path):
    world = World(clock)

    async def go():
        async with staged({"web": world}, quick, clock) as stage:
            quick.post("web", Override(5, START + HOUR, "ada"), clock.now())
            with locked(tmp_path / "ledger.db"):
                await stage.ticks(4, before=world.publish)
                assert world.applied == []
            await stage.ticks(4, before=world.publish)
            return stage

    stage = asyncio.run(go())
    assert world.desired == 5
    assert stage.kinds().count("command") == 1


# Metrics


def test_for_hours_without_metrics_nothing_is_taken_away(ledger, clock):
    world = World(clock, desired=8, load=0.5)
    world.publish()
    guards = {"min": 1, "max": 20, "absence": {"hold": "15m", "floor": 10}, "cooldown": {"in": 0, "out": 0}}
    settings = target(guards=guards)
    world.published.clear()

    async def go():
        async with staged({"web": world}, ledger, clock, settings=settings, interval=60.0) as stage:
            await stage.ticks(180)
            return stage

    stage = asyncio.run(go())
    assert [(a.previous, a.desired) for a in stage.actions] == [(8, 10)]
    assert stage.actions[0].time == START + 900
    assert world.desired == 10
    assert_replays(ledger, "web")


@pytest.mark.parametrize("how", ["absent", "stale", "failing"])
def test_when_metrics_go_away_capacity_stays(ledger, clock, how):
    """The last that is known is no load at all: reason enough to scale in, if it were fresh."""
    world = World(clock, desired=8, load=4.0)
    world.publish()
    stopped = []

    def before():
        if len(stopped) < 3:
            stopped.append(1)
            world.load = 0.5
            world.publish()
        elif how == "failing":
            world.reading = Denied("no more")
        elif how == "absent":
            last = clock.now() // MINUTE * MINUTE - MINUTE
            world.published.setdefault(last, None)

    async def go():
        settings = target(policies=[{"type": "target_tracking", "target": "50%", "in_after": "10m"}])
        async with staged({"web": world}, ledger, clock, settings=settings, interval=60.0) as stage:
            await stage.ticks(240, before=before)
            return stage

    stage = asyncio.run(go())
    assert stage.actions == []
    assert world.desired == 8
    assert stage.decisions[-1].demand is None
    assert_replays(ledger, "web")


# The clock


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("back", [3, None], ids=["and_back", "for_good"])
def test_a_clock_that_jumps_scales_nothing_in(ledger, clock, hours, back):
    """Metrics go by true time. An hour ago there was little load."""
    world = World(clock, desired=8, load=4.0)
    # True time goes on while the machine's own is wrong.
    world.published = {START - MINUTE * n: 50.0 if n < 30 else 5.0 for n in range(1, 120)}
    wrong = 0.0

    def before():
        truly = clock.now() - wrong
        last = truly // MINUTE * MINUTE - MINUTE
        world.published.setdefault(last, 50.0)

    async def go():
        nonlocal wrong
        async with staged({"web": world}, ledger, clock) as stage:
            await stage.ticks(30, before=before)
            clock.jump(hours * HOUR)
            wrong = hours * HOUR
            await stage.ticks(back or 90, before=before)
            if back:
                clock.jump(-hours * HOUR)
                wrong = 0.0
                await stage.ticks(60, before=before)
            return stage

    stage = asyncio.run(go())
    assert [a for a in stage.actions if a.direction is Direction.IN] == []
    assert world.desired == 8
    assert stage.kinds().count("clock_back") == (1 if back or hours < 0 else 0)
    assert stage.runtime.late() == {}
    assert_replays(ledger, "web")


def test_after_a_clock_was_set_right_again_what_was_known_is_known_again(ledger, clock):
    """The engine drops what it was told by the wrong clock: it must be told again, not waited for."""
    world = World(clock, desired=8, load=0.5)
    world.published = {START + MINUTE * n: 6.25 for n in range(-2, 30)}
    settings = target(policies=[{"type": "target_tracking", "target": "50%", "in_after": "15m"}])

    async def go():
        async with staged({"web": world}, ledger, clock, settings=settings) as stage:
            await stage.ticks(12 * 6)
            clock.jump(HOUR)
            await stage.ticks(3)
            clock.jump(-HOUR)
            await stage.ticks(12)
            return stage

    stage = asyncio.run(go())
    (action,) = stage.actions
    assert (action.previous, action.desired) == (8, 1)
    assert action.time < START + 14 * MINUTE


def test_a_clock_behind_the_data_is_told(ledger, clock, lines):
    world = World(clock)
    world.publish()

    async def go():
        async with staged({"web": world}, ledger, clock) as stage:
            clock.jump(-HOUR)
            await stage.ticks(3)
            return stage

    stage = asyncio.run(go())
    assert "clock: it is behind the datapoints" in stage.decisions[-1].reasons[-1].text
    (told,) = lines.all(event="signal failing")
    assert "clock" in told["error"]
