"""Dry run: everything is decided and recorded, and not one write reaches AWS."""

import asyncio

import pytest

from forescale.aws.errors import WriteForbidden
from forescale.model.decision import Direction
from forescale.model.effect import Done, NoOp
from forescale.model.event import Reported
from forescale.model.fleet import FleetStatus
from forescale.runtime.session import open_session
from forescale.runtime.target import Part
from forescale.sources import SOURCES, CloudWatchSignal
from runtime_world import assert_replays, configuration, desired_writes, on_aws, playing, publish, target

GROUP = {"type": "asg", "group": "web", "scale_in": {"how": "lifecycle", "hook": "drain", "drain": "1s"}}


@pytest.fixture
def web(aws):
    aws.create_group("web", minimum=1, maximum=20, desired=4)
    aws.requests.clear()


async def play(aws, clients, clock, path, ticks, *, used, dry_run=True):
    """So many ticks of the configured session; `used` says the utilisation at each."""
    config = configuration(aws, path / "ledger.db", {"web": GROUP}, dry_run=dry_run)
    publish(aws, "web", used(0), minutes=5)
    async with on_aws(config, clock, clients) as stage:
        for n in range(ticks):
            await stage.ticks(before=lambda n=n: publish(aws, "web", used(n), minutes=5))
    return stage


def run(*args, **options):
    return asyncio.run(play(*args, **options))


@pytest.mark.parametrize("used", [95.0, 5.0], ids=["out", "in"])
def test_no_write_ever_reaches_aws(aws, reader, clock, tmp_path, web, used):
    stage = run(aws, reader, clock, tmp_path, 15, used=lambda _n: used)
    assert {d.direction for d in stage.decisions} >= {Direction.OUT if used > 50 else Direction.IN}
    assert aws.writes() == []
    assert len(aws.requests) > 15


def test_what_would_be_done_is_recorded_once_and_decided_at_every_evaluation(
    aws, reader, clock, tmp_path, web, lines, ledger
):
    stage = run(aws, reader, clock, tmp_path, 20, used=lambda _n: 95.0)
    assert len(stage.decisions) == 21
    assert {(d.current, d.desired) for d in stage.decisions} == {(4, 8)}
    (recorded,) = ledger.actions("web")
    assert recorded.outcome == NoOp("web-1", "dry run: would set web from 4 to 8")
    assert sum(isinstance(entry.event, Reported) for entry in stage.entries) == 1
    assert len(ledger.decisions("web")) == 1, "what repeats itself is folded"
    assert lines.events().count("Scaling UP 4 → 8") == 1
    assert stage.kinds() == []
    assert_replays(ledger, "web")


def test_another_conclusion_is_recorded_again(aws, reader, clock, tmp_path, web, ledger):
    run(aws, reader, clock, tmp_path, 18, used=lambda n: 95.0 if n < 9 else 130.0)
    wanted = [recorded.action.desired for recorded in ledger.actions("web")]
    assert wanted == [11, 8]
    assert aws.writes() == []


def test_once_allowed_to_act_it_acts_at_once(aws, reader, clients, clock, tmp_path, web, ledger):
    """What the dry run has left undone is not taken for done."""

    async def first_dry_then_live():
        await play(aws, reader, clock, tmp_path, 5, used=lambda _n: 95.0)
        assert desired_writes(aws) == []
        return await play(aws, clients, clock, tmp_path, 1, used=lambda _n: 95.0, dry_run=False)

    stage = asyncio.run(first_dry_then_live())
    assert desired_writes(aws) == [8]
    assert [e.event.outcome for e in stage.entries if isinstance(e.event, Reported)] == [Done("web-7", 8)]
    assert_replays(ledger, "web")


def test_the_session_hands_out_clients_that_cannot_write(aws, clock, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    config = configuration(aws, tmp_path / "ledger.db", {"web": "web"}, dry_run=True)
    with open_session(config, clock) as session:
        assert not session.clients.writable
    with open_session(config.model_copy(update={"dry_run": False}), clock) as session:
        assert session.clients.writable


class Reckless:
    """An actuator that writes whether it may or not."""

    def __init__(self, clients):
        self.clients, self.tries = clients, 0

    async def observe(self):
        self.tries += 1
        try:  # not even from where nothing is to be done
            await self._write()
        except WriteForbidden:
            return FleetStatus(4, 1, 20, 4)
        raise AssertionError("this must be impossible")

    def instances(self):
        return ()

    async def apply(self, action):
        self.tries += 1
        return await self._write() or Done(action.id, action.desired)

    async def _write(self):
        await self.clients.call(
            "autoscaling", "set_desired_capacity", AutoScalingGroupName="web", DesiredCapacity=9
        )


def test_an_adapter_that_tries_cannot(aws, reader, clock, ledger, web):
    source = SOURCES["cloudwatch"](reader).source("web", "web", {"cpu": CloudWatchSignal()})
    reckless = Reckless(reader)
    publish(aws, "web", 95.0, minutes=5)

    async def go():
        async with playing([Part("web", target(), source, reckless)], ledger, clock) as stage:
            await stage.ticks(3)
            return stage

    stage = asyncio.run(go())
    assert reckless.tries >= 5
    assert aws.writes() == []
    assert stage.actions
    assert ledger.state("web").history == ()
