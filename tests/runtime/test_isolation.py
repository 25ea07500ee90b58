"""A target that is slow or fails never delays another, and is told once."""

import asyncio

import pytest

from forescale.model.errors import Denied, NotFound, Throttled, Unavailable
from forescale.model.event import Reported
from forescale.runtime.session import open_session
from runtime_world import (
    HOUSEKEEPING,
    START,
    World,
    assert_replays,
    configuration,
    desired_writes,
    hang,
    on_aws,
    publish,
    staged,
    until,
)

FAULTS = [
    hang,
    Throttled("slow down"),
    Denied("not yours", hint="allow it"),
    NotFound("no group web; groups there: api"),
    Unavailable("no answer"),
    RuntimeError("a bug in an adapter"),
]


def pair(clock, ledger, count, *, step, fault, **pace):
    """A target that is ill in one step, and a healthy one, for so many ticks of the healthy one."""
    ill, healthy = World(clock, load=3.0), World(clock, load=3.0)
    setattr(ill, step, fault)
    # What hangs will not be back to sleep when the healthy one is: nothing waits for it.
    parties = HOUSEKEEPING + (1 if fault is hang else 2)

    async def go():
        async with staged({"ill": ill, "healthy": healthy}, ledger, clock, parties=parties, **pace) as stage:
            await stage.ticks(count, before=healthy.publish)
        return stage

    for world in (ill, healthy):
        world.publish()
    return ill, healthy, asyncio.run(go())


@pytest.mark.parametrize("step", ["observing", "reading", "applying"])
@pytest.mark.parametrize("fault", FAULTS, ids=["hang", *(type(fault).__name__ for fault in FAULTS[1:])])
def test_the_healthy_one_is_evaluated_and_scaled_at_every_tick(ledger, clock, step, fault):
    # It hangs for longer than the whole test takes.
    ill, healthy, stage = pair(clock, ledger, 7, step=step, fault=fault, timeout=60.0)
    times = [d.time for d in stage.decisions if d.target == "healthy"]
    assert times == [START + 10 * n for n in range(8)]
    assert healthy.desired == 6
    assert ill.desired == 2
    assert_replays(ledger, "healthy")


@pytest.mark.parametrize("fault", FAULTS[1:], ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("step", ["observing", "reading"])
def test_the_ill_one_holds_and_says_why(ledger, clock, step, fault):
    _, _, stage = pair(clock, ledger, 3, step=step, fault=fault)
    decisions = [d for d in stage.decisions if d.target == "ill"]
    assert {d.direction for d in decisions} == {"hold"}
    said = [b.why for b in decisions[-1].blockers] + [r.text for r in decisions[-1].reasons]
    assert any(str(fault) in text for text in said), said
    assert decisions[-1].blockers[:1] == () or decisions[-1].blockers[0].rule == "fleet_unknown"


@pytest.mark.parametrize(
    ("step", "what"), [("observing", "group"), ("reading", "metrics"), ("applying", "action")]
)
def test_a_failure_is_told_when_it_begins_and_when_it_ends(ledger, clock, lines, step, what):
    world = World(clock, load=3.0)
    world.publish()

    async def go():
        async with staged({"web": world}, ledger, clock) as stage:
            for fault in (Unavailable("one"), Unavailable("two"), RuntimeError("a bug"), None, None):
                setattr(world, step, fault)
                await stage.ticks(2, before=world.publish)
            return [entry.event.id for entry in stage.entries]

    setattr(world, step, Unavailable("zero"))
    requests = asyncio.run(go())
    told = [line for line in lines.all(target="web") if line["event"].startswith(what)]
    assert [(line["event"], line["level"]) for line in told] == [
        (f"{what} failing", "warning"),
        (f"{what} failing", "error"),
        (f"{what} recovered", "info"),
    ]
    assert [line.get("error") for line in told] == ["zero", "RuntimeError: a bug", None]
    assert "Traceback" in told[1]["exception"]
    assert {line["request_id"] for line in told} <= set(requests)


def test_throttling_is_no_failure(ledger, clock, lines):
    world = World(clock)
    world.observing = Throttled("slow down", after=3.0)

    async def go():
        async with staged({"web": world}, ledger, clock) as stage:
            await stage.ticks(3)

    asyncio.run(go())
    assert [(line["event"], line["level"]) for line in lines.all(error="slow down")] == [
        ("group throttled", "info")
    ]


def test_a_request_can_be_followed_from_the_source_to_the_action(ledger, clock, lines):
    world = World(clock, load=3.0)
    world.errors = ("memory: no datapoints",)
    world.publish()

    async def go():
        async with staged({"web": world}, ledger, clock):
            pass

    asyncio.run(go())
    (request,) = {line["request_id"] for line in lines.all(decision="web-1")}
    assert lines.events(request_id=request, target="web") == [
        "signal failing",
        "decided 2 → 6",
        "Scaling UP 2 → 6",
        "Capacity updated → 6",
    ]


def test_a_target_that_fails_for_long_is_not_ready(ledger, clock):
    world = World(clock)
    world.observing = NotFound("no group web; groups there: api")

    async def go():
        async with staged({"web": world}, ledger, clock) as stage:
            await stage.ticks(5)
            assert stage.runtime.late() == {}
            await stage.ticks(3)
            assert stage.runtime.late() == {"web": "group: no group web; groups there: api"}
            world.observing = None
            await stage.ticks(1)
            assert stage.runtime.late() == {}

    asyncio.run(go())


class TestOnAws:
    """The adapters of AWS, with what they share, over HTTP."""

    def test_wrong_ones_among_right_ones(self, aws, clients, clock, tmp_path):
        """A group that is not there, a metric that is refused, a region that is none."""
        for name in ("one", "two"):
            aws.create_group(name, maximum=20, desired=2)
            publish(aws, name, 80.0, minutes=3)
        wrong = {"type": "cloudwatch", "expression": "NONSENSE(m)", "metrics": {"m": {"metric": "A b"}}}
        config = configuration(aws, tmp_path / "ledger.db", {"right": "one", "missing": "tow", "odd": "two"})
        odd = config.targets["odd"].model_copy(
            update={
                "signals": type(config.targets["odd"])
                .model_validate({"actuator": {"type": "asg", "group": "two"}, "signals": {"cpu": wrong}})
                .signals
            }
        )
        config = config.model_copy(update={"targets": config.targets | {"odd": odd}})

        async def go():
            async with on_aws(config, clock, clients) as stage:
                await stage.ticks(3)
            return stage

        stage = asyncio.run(go())
        last = {d.target: d for d in stage.decisions}
        assert desired_writes(aws, "one") == [4]
        assert "groups there: two, one" in last["missing"].blockers[0].why
        assert "NONSENSE" in last["odd"].reasons[-1].text
        assert {len([d for d in stage.decisions if d.target == name]) for name in last} == {4}

    def test_many_slow_writes_do_not_hold_up_those_who_only_look(self, aws, clients, clock, tmp_path):
        """More writes hang than a process has threads to read with."""
        busy = [f"busy-{n}" for n in range(20)]
        for name in busy:
            aws.create_group(name, maximum=20, desired=2)
            publish(aws, name, 80.0, minutes=3)
        config = configuration(aws, tmp_path / "ledger.db", {name: name for name in busy})
        aws.faults.slow("SetDesiredCapacity", 2.0)
        seen = []

        async def go():
            with open_session(config, clock, clients=clients, watch=seen.append) as session:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(session.runtime.run())
                    await until(lambda: len(aws.calls("SetDesiredCapacity")) == len(busy))
                    before = len(aws.calls("DescribeAutoScalingGroups"))
                    await clients.call("autoscaling", "describe_auto_scaling_groups")
                    assert len(aws.calls("DescribeAutoScalingGroups")) == before + 1
                    hanging = [entry for entry in seen if isinstance(entry.event, Reported)]
                    assert hanging == []
                    session.runtime.stop()

        asyncio.run(go())
        assert {desired_writes(aws, name)[0] for name in busy} == {4}
