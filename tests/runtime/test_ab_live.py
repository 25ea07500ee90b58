"""A/B tests and shadows from end to end: the real runtime and ledger, a group in memory, hours in seconds."""

import asyncio
from math import sin, tau

import pytest

from forescale.model.effect import NoOp
from forescale.runtime.target import Part
from forescale.sim.ab import Verdict, report
from forescale.store import Ledger
from runtime_world import HOUSEKEEPING, QUICK, World, assert_replays, playing, staged, target

MINUTE, HOUR = 60.0, 3600.0
SLICE = 600.0


def settings_of(treatment, **fields):
    experiment = {"name": "it", "treatment": {"policies": [treatment]}, "slice": "10m", "settle": "1m"}
    return target(lead_time="1m", experiment=experiment | fields, shadow={"calm": {}})


def tracking(share):
    return QUICK["policies"][0] | {"target": share}


def load(now):
    return 6.0 + 2.0 * sin(now / HOUR * tau)


class Idle(World):
    """A dry run: the group is not changed."""

    async def apply(self, action):
        self.applied.append(action)
        return NoOp(action.id, "dry run")


async def play(path, clock, settings, hours, world=None):
    """So many hours, an evaluation a minute: what came of them, and the group."""
    world = world or World(clock, desired=12, load=load(clock.now()))
    with Ledger.open(str(path / "ledger.db")) as ledger:
        async with staged({"web": world}, ledger, clock, settings=settings, interval=MINUTE) as stage:

            def minute():
                world.load = load(clock.now())
                world.publish()

            await stage.ticks(int(hours * 60), before=minute)
        assert stage.parties == 1 + HOUSEKEEPING
        assert_replays(ledger, "web")
        return stage, ledger.state("web"), world


def run(*args, **fields):
    return asyncio.run(play(*args, **fields))


def who(decision):
    return " ".join(reason.text for reason in decision.reasons if reason.rule == "experiment")


def test_both_take_turns_and_the_cheaper_one_is_found(tmp_path, clock):
    settings = settings_of(tracking("80%"))
    stage, state, _ = run(tmp_path, clock, settings, 5)
    turns = {int(d.time // SLICE): who(d).split()[1] for d in stage.decisions}
    assert sorted(turns.values()).count("treatment") == pytest.approx(len(turns) / 2, abs=1)
    found = report([{"web": state.trial}], settings.experiment)
    assert found.comparisons >= 12
    assert found.cost.verdict is Verdict.BETTER
    assert -0.45 < found.cost.effect < -0.25
    assert found.treatment.cost < found.control.cost
    assert state.arms["calm"].tally.minutes == state.tally.minutes > 290


def test_it_goes_on_after_a_restart(tmp_path, clock):
    settings = settings_of(tracking("80%"))

    async def twice():
        _, before, world = await play(tmp_path, clock, settings, 1.5)
        return before, (await play(tmp_path, clock, settings, 1.5, world))[1]

    before, after = asyncio.run(twice())
    assert len(before.trial.slices) >= 7
    assert after.trial.slices[: len(before.trial.slices)] == before.trial.slices
    assert len(after.trial.slices) >= 15
    assert after.trial.began == before.trial.began
    assert after.arms["calm"].tally.minutes > before.arms["calm"].tally.minutes + 80


def test_a_dry_run_decides_in_turn_but_compares_nothing(tmp_path, clock):
    world = Idle(clock, desired=12)
    stage, state, _ = run(tmp_path, clock, settings_of(tracking("80%")), 2, world=world)
    assert {who(d).split()[1] for d in stage.decisions} == {"control", "treatment"}
    assert world.desired == 12
    assert world.applied
    assert state.trial.slices == ()


def test_harm_stops_it_and_the_group_recovers(tmp_path, clock):
    starving = {"type": "schedule", "entries": [{"desired": 3}]}
    settings = settings_of(starving)
    stage, state, world = run(tmp_path, clock, settings, 2)
    (notice,) = [n for n in stage.notices if n.kind == "experiment"]
    assert "in one slice the treatment violated" in notice.text
    assert notice.text.endswith("the control decides from now on")
    assert state.trial.ended
    assert all(who(d) == "" for d in stage.decisions if d.time > notice.time)
    assert world.desired >= 8


def test_who_reads_the_ledger_later_finds_the_same(tmp_path, clock):
    _, state, _ = run(tmp_path, clock, settings_of(tracking("80%")), 1)
    with Ledger.open(str(tmp_path / "ledger.db"), read_only=True) as ledger:
        assert ledger.states()["web"] == state


def test_of_a_matched_pair_one_is_treated_and_the_two_are_compared(tmp_path, clock):
    about = {"design": "matched"}
    settings = {
        "web": settings_of(tracking("80%"), matched_with="api", **about),
        "api": settings_of(tracking("80%"), matched_with="web", **about),
    }
    worlds = {name: World(clock, desired=12, load=load(clock.now())) for name in settings}

    async def go():
        parts = [Part(name, settings[name], worlds[name], worlds[name]) for name in settings]
        with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
            async with playing(parts, ledger, clock, interval=MINUTE) as stage:

                def minute():
                    for world in worlds.values():
                        world.load = load(clock.now())
                        world.publish()

                await stage.ticks(150, before=minute)
            assert_replays(ledger, *settings)
            return stage, ledger.states()

    stage, states = asyncio.run(go())
    turns = {name: {who(d).split()[1] for d in stage.decisions if d.target == name} for name in settings}
    assert sorted(turns.values(), key=str) == [{"control"}, {"treatment"}]
    found = report([{name: states[name].trial for name in settings}], settings["web"].experiment)
    assert found.comparisons >= 12
    assert found.cost.verdict is Verdict.BETTER
    assert -0.45 < found.cost.effect < -0.25
