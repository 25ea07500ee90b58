"""Orders given by hand: through the ledger, from any process, carried out exactly once."""

import asyncio

import pytest

from forescale.model.event import Commanded, Override, Pause, Resume
from forescale.store import Ledger
from runtime_world import START, World, assert_replays, staged

HOUR = 3600.0


@pytest.fixture
def by_hand(tmp_path, ledger):
    """The ledger as another process opens it."""
    with Ledger.open(str(tmp_path / "ledger.db"), create=False) as other:
        yield other


def play(worlds, ledger, clock, script, ticks):
    """`script[n]` is done before tick n."""

    async def go():
        async with staged(worlds, ledger, clock) as stage:
            for n in range(ticks):
                script.get(n, lambda: None)()
                await stage.ticks(before=lambda: [world.publish() for world in worlds.values()])
            return stage

    return asyncio.run(go())


def commands(stage, target="web"):
    return [e.event for e in stage.entries if e.target == target and isinstance(e.event, Commanded)]


def test_an_override_is_carried_out_once_and_ends_by_itself(ledger, by_hand, clock):
    world = World(clock)
    script = {2: lambda: by_hand.post("web", Override(7, clock.now() + 70, "ada", "launch day"), clock.now())}
    stage = play({"web": world}, ledger, clock, script, 30)
    (command,) = commands(stage)
    assert command.id == "command-1"
    assert command.time - START == 30, "at the first tick after it was given"
    assert [(a.previous, a.desired) for a in stage.actions] == [(2, 7), (7, 2)]
    assert stage.actions[1].time >= START + 20 + 70
    (notice,) = [n for n in ledger.notices("web") if n.kind == "command"]
    assert notice.text == "held at 7 by ada: launch day"
    assert ledger.orders() == {}
    assert_replays(ledger, "web")


def test_a_pause_holds_actions_back_and_ends_by_itself(ledger, by_hand, clock):
    world = World(clock)
    script = {
        0: lambda: by_hand.post("web", Pause(START + 200, "ada", "migration"), clock.now()),
        6: lambda: setattr(world, "load", 3.0),
    }
    stage = play({"web": world}, ledger, clock, script, 25)
    (action,) = stage.actions
    assert action.time == START + 200
    held = [d for d in stage.decisions if d.blockers]
    assert {(b.rule, b.until) for d in held for b in d.blockers} == {("pause", START + 200)}
    assert held[0].blockers[0].why == "paused by ada: migration"
    assert_replays(ledger, "web")


def test_resume_ends_both(ledger, by_hand, clock):
    world = World(clock)
    script = {
        0: lambda: by_hand.post("web", Override(9, START + HOUR, "ada"), clock.now()),
        3: lambda: by_hand.post("web", Pause(START + HOUR, "bob"), clock.now()),
        6: lambda: by_hand.post("web", Resume("cy", "all is well"), clock.now()),
    }
    stage = play({"web": world}, ledger, clock, script, 30)
    assert [type(c.command).__name__ for c in commands(stage)] == ["Override", "Pause", "Resume"]
    state = ledger.state("web")
    assert (state.pause, state.override) == (None, None)
    assert world.desired == 2
    assert [n.text for n in reversed(ledger.notices("web")) if n.kind == "command"] == [
        "held at 9 by ada",
        "paused by bob",
        "resumed by cy: all is well",
    ]


def test_what_was_ordered_before_any_process_ran_waits(ledger, by_hand, clock):
    by_hand.post("web", Override(7, START + HOUR, "ada"), START - 60)
    world = World(clock)
    stage = play({"web": world}, ledger, clock, {}, 3)
    assert len(commands(stage)) == 1
    assert world.desired == 7


def test_what_has_run_out_before_any_process_ran_changes_nothing(ledger, by_hand, clock):
    by_hand.post("web", Override(7, START - 10, "ada"), START - 60)
    world = World(clock)
    stage = play({"web": world}, ledger, clock, {}, 3)
    assert len(commands(stage)) == 1
    assert (world.desired, ledger.orders()) == (2, {})


def test_each_target_gets_its_own(ledger, by_hand, clock):
    worlds = {"web": World(clock), "api": World(clock)}
    by_hand.post("api", Override(5, START + HOUR, "ada"), START)
    by_hand.post("elsewhere", Override(5, START + HOUR, "ada"), START)
    stage = play(worlds, ledger, clock, {}, 3)
    assert commands(stage, "web") == []
    assert (worlds["web"].desired, worlds["api"].desired) == (2, 5)
    assert set(ledger.orders()) == {"elsewhere"}


def test_an_order_carried_out_elsewhere_in_the_meantime_is_not_repeated(ledger, by_hand, clock, lines):
    """What was read from the ledger is old, and the order in it is done: whatever the order of events."""
    world = World(clock)

    async def go():
        async with staged({"web": world}, ledger, clock) as stage:
            by_hand.post("web", Override(7, START + HOUR, "ada"), clock.now())
            (loop,) = stage.runtime.loops
            old = by_hand.orders()["web"]
            await stage.ticks(1, before=world.publish)
            loop.orders(old)  # a reading that began before the order was carried out, and ended after
            await loop.tick()
            assert "ledger failing" not in lines.events(), "it knows, and need not try"
            loop._obeyed.clear()
            loop.orders(old)  # as if it had been forgotten by now
            await loop.tick()
            assert "ledger failing" in lines.events()
            await stage.ticks(3, before=world.publish)
            assert stage.runtime.late() == {}
            return stage

    stage = asyncio.run(go())
    assert len(commands(stage)) == 1
    assert len({d.time for d in stage.decisions}) == 5
    assert_replays(ledger, "web")


def test_many_orders_leave_nothing_behind(ledger, by_hand, clock):
    world = World(clock)

    async def go():
        async with staged({"web": world}, ledger, clock) as stage:
            (loop,) = stage.runtime.loops
            for n in range(40):
                by_hand.post("web", Override(3 + n % 2, START + HOUR, "ada"), clock.now())
                await stage.ticks(before=world.publish)
            await stage.ticks(3)
            assert len(loop._obeyed) == len(loop._orders) == 0
            return stage

    assert len(commands(asyncio.run(go()))) == 40
    assert_replays(ledger, "web")
