"""One target, evaluated by the real runtime on a real ledger: what is read, written and done when."""

import asyncio
from itertools import pairwise

import pytest

from forescale.model.decision import Direction
from forescale.model.effect import Done
from forescale.model.errors import Denied, NotFound, Throttled, Unavailable
from forescale.model.event import Observed, Reported
from runtime_world import MINUTE, START, World, assert_replays, hang, out_of, staged, target


def play(world, ledger, clock, ticks, *, script=lambda _n: None, **options):
    """So many ticks, with the metrics of each minute at its end."""

    async def go():
        async with staged({"web": world}, ledger, clock, **options) as stage:
            for n in range(ticks):
                script(n)
                await stage.ticks(before=world.publish)
        return stage

    return asyncio.run(go())


@pytest.fixture
def world(clock):
    world = World(clock)
    world.publish()
    return world


@pytest.fixture
def busy(clock):
    """Six are needed, and two are there: the first evaluation acts."""
    world = World(clock, load=3.0)
    world.publish()
    return world


def test_load_that_grows_and_goes_is_followed(world, ledger, clock):
    def script(n):
        world.load = 3.0 if 12 <= n < 60 else 1.0

    stage = play(world, ledger, clock, 120, script=script)
    assert out_of(stage.actions) == [(2, 6)]
    assert stage.actions[-1].direction is Direction.IN
    assert world.desired == 2
    assert [a.id for a in world.applied] == [a.id for a in stage.actions]
    assert_replays(ledger, "web")
    recorded = ledger.actions("web")
    assert [r.outcome for r in recorded] == [Done(a.id, a.desired) for a in reversed(stage.actions)]


def test_every_decision_is_in_the_ledger_as_it_was_made(world, ledger, clock):
    stage = play(world, ledger, clock, 30, script=lambda n: setattr(world, "load", n / 10))
    assert [ledger.decision(d.id) for d in stage.decisions] == stage.decisions
    assert [d.id for d in stage.decisions] == [f"web-{n}" for n in range(1, 32)]


def test_the_action_is_in_the_ledger_before_it_is_done(world, ledger, clock):
    seen = []

    async def look():
        (recorded,) = ledger.actions("web")
        seen.append((recorded.action, recorded.outcome, ledger.state("web").acting))

    world.load, world.applying = 3.0, look
    play(world, ledger, clock, 13)
    (action,) = world.applied
    assert seen == [(action, None, action)]
    assert ledger.state("web").acting is None


def test_the_first_read_reaches_as_far_as_the_policies_look(world, ledger, clock):
    settings = target(policies=[{"type": "target_tracking", "out_after": "3m", "in_after": "2h"}])
    play(world, ledger, clock, 3, settings=settings)
    first, *others = world.windows
    # Two hours, of data whose newest bucket may be five minutes old, with its edges.
    assert first.end - first.start == 7200 + 300 + 2 * MINUTE
    assert {w.end - w.start for w in others} == {300 + 2 * MINUTE + 10}


def test_the_first_evaluation_can_decide_on_what_was_before_it(clock, ledger):
    world = World(clock, desired=10, load=1.0)
    world.publish()
    settings = target(policies=[{"type": "target_tracking", "target": "50%", "in_after": "15m"}])
    stage = play(world, ledger, clock, 0, settings=settings)
    assert [(a.previous, a.desired) for a in stage.actions] == [(10, 2)]


def test_a_history_longer_than_data_takes_to_settle_is_told_whole(clock, ledger):
    world = World(clock, desired=10, load=1.0)
    world.published = {START - MINUTE * n: 10.0 for n in range(1, 200)}
    settings = target(policies=[{"type": "target_tracking", "target": "50%", "in_after": "2h"}])
    stage = play(world, ledger, clock, 0, settings=settings)
    assert [(a.previous, a.desired) for a in stage.actions] == [(10, 2)]


def test_what_was_missed_while_metrics_could_not_be_read_is_read_afterwards(world, ledger, clock):
    settings = target(policies=[{"type": "target_tracking", "out_after": "3m", "in_after": "30m"}])

    def script(n):
        world.reading = Unavailable("down") if 6 <= n < 126 else None

    play(world, ledger, clock, 130, script=script, settings=settings)
    assert max(w.end - w.start for w in world.windows[-4:]) == pytest.approx(1200 + 420 + 20, abs=20)
    loads = ledger.state("web").loads
    gaps = [b.time - a.time for a, b in pairwise(loads)]
    assert set(gaps) == {MINUTE}


def test_quiet_evaluations_take_no_room(world, ledger, clock):
    play(world, ledger, clock, 5, script=lambda n: None)
    (segment,) = ledger.segments("web")
    quiet = [e for e in segment.events if isinstance(e, Observed) and not e.samples and e.fleet is None]
    assert len(quiet) == 5
    assert len(ledger.decisions("web")) == 1


@pytest.mark.parametrize(
    ("error", "outcome", "held"),
    [
        (Throttled("slow down", after=35.0), "retry", 40),
        (Denied("not yours"), "refused", 60),
        (NotFound("gone"), "refused", 60),
    ],
)
def test_what_certainly_was_not_done_is_not_tried_at_once(busy, ledger, clock, error, outcome, held):
    busy.applying = error
    stage = play(busy, ledger, clock, 7)
    reports = [e.event.outcome for e in stage.entries if isinstance(e.event, Reported)]
    assert {type(report).__name__.lower() for report in reports} == {outcome}
    first, second = busy.applied
    assert second.time - first.time == held
    assert ledger.state("web").history == ()


@pytest.mark.parametrize("fault", [Unavailable("lost"), TimeoutError(), RuntimeError("a bug"), hang])
def test_where_it_is_not_known_whether_it_was_done_the_same_is_tried_again(busy, ledger, clock, fault):
    def script(n):
        busy.applying = fault if n < 3 else None

    script(0)
    stage = play(busy, ledger, clock, 6, script=script, timeout=0.05)
    assert [action.id for action in busy.applied] == ["web-1"] * 5
    assert busy.desired == 6
    assert len(ledger.state("web").history) == 1
    assert "foreign_write" not in stage.kinds()
    assert_replays(ledger, "web")


@pytest.mark.parametrize(("step", "what"), [("observing", "group"), ("reading", "metrics")])
def test_what_does_not_answer_is_given_up(world, ledger, clock, step, what):
    setattr(world, step, hang)
    stage = play(world, ledger, clock, 2, timeout=0.05)
    assert len(stage.decisions) == 3
    said = [b.why for b in stage.decisions[-1].blockers] + [r.text for r in stage.decisions[-1].reasons]
    assert f"{what}: no answer within 0.05 s" in said


def test_a_write_whose_answer_is_lost_is_found_out_and_not_repeated(busy, ledger, clock):
    async def done_but_lost():
        busy.desired = 6
        raise Unavailable("the connection broke")

    busy.applying = done_but_lost
    stage = play(busy, ledger, clock, 4)
    assert len(busy.applied) == 1
    assert len(ledger.state("web").history) == 1
    assert "foreign_write" not in stage.kinds()


def test_a_rival_write_is_noticed(world, ledger, clock):
    def script(n):
        if n == 2:
            world.desired = 3

    stage = play(world, ledger, clock, 4, script=script)
    assert [(n.kind, n.text) for n in stage.notices] == [
        ("foreign_write", "desired capacity went 2 → 3, not by forescale")
    ]


def test_stretches_of_the_ledger_begin_now_and_again(world, ledger, clock):
    play(world, ledger, clock, 60, snapshot=120.0)
    assert len(list(ledger.segments("web"))) == 6
    assert_replays(ledger, "web")


def test_what_is_old_is_forgotten(world, ledger, clock):
    play(world, ledger, clock, 120, snapshot=60.0, prune=300.0, retention=300.0)
    oldest = min(event.time for segment in ledger.segments("web") for event in segment.events)
    assert clock.now() - oldest <= 300 + 300 + 60
    assert len(list(ledger.segments("web"))) >= 5


def test_memory_does_not_grow(world, ledger, clock):
    stage = play(world, ledger, clock, 600)
    (loop,) = stage.runtime.loops
    assert len(loop._news._values) <= 61
    assert len(loop.state.loads) < 20
