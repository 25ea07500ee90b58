"""When what is done: every interval, skipping what it was too slow for; and how it ends."""

import asyncio
import time

import pytest

from forescale.model.event import Observed, Reported
from forescale.runtime.runtime import Runtime
from forescale.runtime.target import Part
from forescale.store import Ledger
from runtime_world import START, World, assert_replays, hang, staged, target


def test_every_target_is_evaluated_at_every_whole_interval(ledger, clock):
    worlds = {f"t{n}": World(clock) for n in range(5)}
    clock.advance(START + 3)

    async def go():
        async with staged(worlds, ledger, clock) as stage:
            await stage.ticks(4)
            return stage

    stage = asyncio.run(go())
    expected = [START + 3, *(START + 10 * n for n in range(1, 5))]
    for name in worlds:
        assert [d.time for d in stage.decisions if d.target == name] == expected


def test_one_that_takes_longer_than_the_interval_skips_what_it_missed(ledger, clock):
    world = World(clock)

    async def slow():
        await clock.sleep_until(clock.now() + 25)

    world.observing = slow

    async def go():
        async with staged({"web": world}, ledger, clock) as stage:
            for n in range(1, 13):
                clock.advance(START + 5 * n)
                await stage.rest()
            return stage

    stage = asyncio.run(go())
    assert [d.time - START for d in stage.decisions] == [25, 55]


def test_the_targets_of_a_moment_share_a_commit(tmp_path, clock):
    sizes = []

    class Counting(Ledger):
        def commit(self, entries):
            sizes.append(len(entries))
            super().commit(entries)

    worlds = {f"t{n}": World(clock) for n in range(200)}

    async def go(ledger):
        async with staged(worlds, ledger, clock) as stage:
            sizes.clear()
            await stage.ticks(5)

    with Counting.open(str(tmp_path / "ledger.db")) as ledger:
        asyncio.run(go(ledger))
    assert sizes == [200] * 5


class TestStop:
    def test_what_is_under_way_is_finished_and_recorded(self, ledger, clock):
        world, entries = World(clock, load=3.0), []
        world.publish()

        async def go():
            part = Part("web", target(), world, world)
            runtime = Runtime([part], ledger, clock, holder="test", watch=entries.append)

            async def stop_now():
                runtime.stop()
                await asyncio.sleep(0.05)

            world.applying = stop_now
            await runtime.run()

        asyncio.run(go())
        assert [type(entry.event) for entry in entries] == [Observed, Reported]
        assert world.desired == 6
        assert ledger.leases() == ()

    @pytest.mark.parametrize("step", ["observing", "reading", "applying"])
    def test_what_hangs_is_let_go_and_found_out_later(self, ledger, clock, step):
        world = World(clock, load=3.0)
        world.publish()
        setattr(world, step, hang)

        async def go():
            async with staged({"web": world}, ledger, clock, parties=2, timeout=60.0, grace=0.05):
                await asyncio.sleep(0.1)
            assert ledger.leases() == ()
            setattr(world, step, None)
            async with staged({"web": world}, ledger, clock):
                pass

        begun = time.monotonic()
        asyncio.run(go())
        assert time.monotonic() - begun < 50
        assert world.desired == 6
        assert len(ledger.state("web").history) == 1
        assert_replays(ledger, "web")
