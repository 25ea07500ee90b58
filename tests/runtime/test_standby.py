"""Two processes on one ledger: one acts, the other stands by and takes over."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from forescale.store import Conflict, Ledger
from runtime_world import HOUSEKEEPING, World, assert_replays, staged, until

PATIENCE = 3 * 10.0 + 30.0


@pytest.fixture
def world(clock):
    return World(clock)


@asynccontextmanager
async def two(world, clock, path):
    """Two runtimes, each with its own connection, on the same group: `first` has it."""
    url = str(path / "ledger.db")
    with Ledger.open(url) as one, Ledger.open(url) as other:
        async with staged({"web": world}, one, clock, holder="first") as first:
            parties = 2 * (1 + HOUSEKEEPING)
            async with staged({"web": world}, other, clock, holder="second", parties=parties) as second:
                yield first, second
                first.runtime.stop()


def test_one_acts_and_the_other_says_that_it_stands_by(world, clock, tmp_path, lines):
    async def go():
        async with two(world, clock, tmp_path) as (first, second):
            world.load = 3.0
            await second.ticks(9, before=world.publish)
            assert first.runtime.late() == {}
            assert "standing by: web belongs to another forescale (first)" in second.runtime.late()["web"]
            assert second.runtime.stalled() == {}
            assert (len(first.actions), second.entries) == (1, [])

    asyncio.run(go())
    assert world.desired == 6
    assert lines.events(holder="first") == ["standing by to take over"]


def test_after_a_graceful_stop_the_other_takes_over_at_its_next_turn(world, clock, tmp_path, ledger):
    async def go():
        async with two(world, clock, tmp_path) as (first, second):
            await second.ticks(5, before=world.publish)
            first.runtime.stop()
            await second.clock.resting(1 + HOUSEKEEPING)
            await until(lambda: not ledger.leases())
            second.parties = 1 + HOUSEKEEPING
            await second.ticks(1, before=world.publish)
            assert second.runtime.late() == {}
            assert len(second.decisions) == 1

    asyncio.run(go())
    assert_replays(ledger, "web")


def test_after_a_crash_the_other_takes_over_when_the_lease_has_run_out(world, clock, tmp_path, ledger):
    async def go():
        url = str(tmp_path / "ledger.db")
        with Ledger.open(url) as dead, Ledger.open(url) as other:
            async with staged({"web": world}, dead, clock, holder="first") as first:
                await first.ticks(3, before=world.publish)
                died, expires = clock.now(), ledger.leases()[0].expires
                assert expires - died == 2 * PATIENCE
            # It released its lease on the way out; one that is killed does not.
            dead.hold(["web"], "first", died, expires)
            async with staged({"web": world}, other, clock, holder="second") as second:
                while clock.now() < expires - 10:
                    await second.ticks(before=world.publish)
                    assert second.decisions == []
                await second.ticks(3, before=world.publish)
                assert second.decisions[0].time <= expires + 20
                assert second.decisions[0].id == f"web-{first.runtime.loops[0].state.seq + 1}"

    asyncio.run(go())
    assert_replays(ledger, "web")


def test_a_rival_that_ignores_the_lease_is_noticed_before_anything_is_done(world, clock, tmp_path, ledger):
    """Two whose clocks differ may both think the target theirs: the ledger lets one of them write."""

    async def go():
        url = str(tmp_path / "ledger.db")
        with Ledger.open(url) as one, Ledger.open(url) as other:
            async with staged({"web": world}, one, clock, holder="first") as first:
                await first.ticks(2, before=world.publish)
                parties = 2 * (1 + HOUSEKEEPING)
                ledger.release("first")
                async with staged({"web": world}, other, clock, holder="second", parties=parties) as second:
                    assert all(loop.owned for s in (first, second) for loop in s.runtime.loops)
                    world.load = 3.0
                    await second.ticks(12, before=world.publish)
                    owners = [s for s in (first, second) if s.runtime.loops[0].owned]
                    assert owners == [second]
                    first.runtime.stop()
                return first, second

    first, second = asyncio.run(go())
    assert len(first.actions) + len(second.actions) == 1
    assert len(world.applied) == 1
    assert_replays(ledger, "web")


def test_a_commit_in_doubt_is_picked_up_without_a_pause(world, clock, tmp_path, ledger):
    """The ledger has moved on, but nobody else has the target: the next evaluation goes on from there."""

    async def go():
        with Ledger.open(str(tmp_path / "ledger.db")) as one:
            async with staged({"web": world}, one, clock, holder="first") as stage:
                await stage.ticks(2, before=world.publish)
                commit = one.commit

                def commit_but_say_no(entries):
                    commit(entries)
                    one.commit = commit
                    one._writer.forget(["web"])
                    raise Conflict(("web",))

                one.commit = commit_but_say_no
                await stage.ticks(4, before=world.publish)
                assert stage.runtime.late() == {}
                return stage

    asyncio.run(go())
    assert ledger.state("web").seq == 7
    assert_replays(ledger, "web")
