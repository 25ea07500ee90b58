"""What the runtime's tests share: forescale on a real ledger, by the tick of a virtual clock."""

import asyncio
import io
import json
import time
from contextlib import asynccontextmanager

import structlog

from forescale.config.settings import Config, Target
from forescale.model.decision import Direction
from forescale.model.effect import Act, Decided, Done, Notice
from forescale.model.fleet import FleetStatus
from forescale.model.sample import Sample, Unit
from forescale.runtime import log
from forescale.runtime.clock import VirtualClock
from forescale.runtime.replay import replay
from forescale.runtime.runtime import Runtime
from forescale.runtime.session import open_session
from forescale.runtime.target import Pace, Part

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z, a whole day
MINUTE = 60.0
HOUSEKEEPING = 2  # the runtime's own sleepers
CPU = "AWS/EC2 CPUUtilization"

# One datapoint beyond the target is enough, either way, and no guard holds anything back.
QUICK = {
    "policies": [{"type": "target_tracking", "target": "50%", "out_after": "1m", "in_after": "2m"}],
    "guards": {
        "min": 1,
        "max": 20,
        "cooldown": {"out": 0, "in": 0},
        "stabilisation": {"out": 0, "in": 0},
        "reversals": {"count": 100},
    },
}


class JumpingClock(VirtualClock):
    """A wall clock that somebody sets. Who sleeps, sleeps as long as before."""

    def jump(self, seconds):
        self._now += seconds
        self._sleepers = [(wake + seconds, order, future) for wake, order, future in self._sleepers]


class World:
    """A group in memory and its metric: both adapters in one, and whatever may go wrong with them."""

    def __init__(self, clock, desired=2, load=1.0):
        self.clock, self.desired, self.load = clock, desired, load
        self.errors = ()
        self.applied, self.windows, self.published = [], [], {}
        self.observing = self.reading = self.applying = None

    async def observe(self):
        await _go_wrong(self.observing)
        return FleetStatus(self.desired, 1, 20, self.desired)

    def instances(self):
        return ()

    async def read(self, window):
        self.windows.append(window)
        await _go_wrong(self.reading)
        return [
            Sample("cpu", time, value, Unit.PERCENT, "memory")
            for time, value in sorted(self.published.items())
            if window.start <= time < window.end
        ]

    async def apply(self, action):
        self.applied.append(action)
        await _go_wrong(self.applying)
        self.desired = action.desired
        return Done(action.id, action.desired)

    def publish(self, until=None):
        """The load of every minute that has ended, as a utilisation of what serves now."""
        last = (self.clock.now() if until is None else until) // MINUTE * MINUTE - MINUTE
        while last not in self.published and last > self.clock.now() - 1800:
            self.published[last] = 100 * self.load / max(self.desired, 1)
            last -= MINUTE


async def _go_wrong(fault):
    """An exception is raised; anything else is awaited."""
    if isinstance(fault, BaseException):
        raise fault
    if fault is not None:
        await fault()


async def hang():
    """Never answer."""
    await asyncio.get_running_loop().create_future()


async def until(condition, patience=20.0):
    """Wait in real time for something that another thread does."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


def target(**fields):
    return Target.model_validate({"actuator": {"type": "asg", "group": "web"}} | QUICK | fields)


class Stage:
    """A runtime that is driven tick by tick, and what came of it."""

    def __init__(self, runtime, clock, interval, entries, parties=None):
        self.runtime, self.clock, self.interval, self.entries = runtime, clock, interval, entries
        self.parties = parties or len(runtime.loops) + HOUSEKEEPING

    async def ticks(self, count=1, before=lambda: None):
        for _ in range(count):
            self.clock.advance((self.clock.now() // self.interval + 1) * self.interval)
            before()
            await self.rest()

    async def rest(self):
        await self.clock.resting(self.parties)

    @property
    def decisions(self):
        return [e.decision for entry in self.entries for e in entry.effects if isinstance(e, Decided)]

    @property
    def actions(self):
        return [e.action for entry in self.entries for e in entry.effects if isinstance(e, Act)]

    @property
    def notices(self):
        return [e for entry in self.entries for e in entry.effects if isinstance(e, Notice)]

    def kinds(self):
        return [notice.kind for notice in self.notices]


@asynccontextmanager
async def staged(worlds, ledger, clock, *, holder="test", settings=None, **pace):
    """The real runtime on a real ledger, on groups in memory: `{name: World}`."""
    parts = [Part(name, settings or target(), world, world) for name, world in worlds.items()]
    async with playing(parts, ledger, clock, holder=holder, **pace) as stage:
        yield stage


@asynccontextmanager
async def playing(parts, ledger, clock, *, holder="test", parties=None, **pace):
    """The real runtime on a real ledger, on any parts. `parties` come to rest after each tick."""
    entries, pace = [], Pace(**({"interval": 10.0, "grace": 0.2} | pace))
    runtime = Runtime(parts, ledger, clock, holder=holder, pace=pace, watch=entries.append)
    async with _running(Stage(runtime, clock, pace.interval, entries, parties)) as stage:
        yield stage


@asynccontextmanager
async def on_aws(config, clock, clients):
    """The real runtime on a local AWS, as `forescale run` puts it together."""
    entries = []
    with open_session(config, clock, clients=clients, watch=entries.append) as session:
        stage = Stage(session.runtime, clock, config.interval, entries)
        stage.ledger = session.ledger
        async with _running(stage):
            yield stage


@asynccontextmanager
async def _running(stage):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.runtime.run())
        try:
            await stage.rest()
            yield stage
        finally:
            stage.runtime.stop()


def configuration(aws, ledger, targets, own=None, **fields):
    """A configuration for a local AWS: `{target: group}`, and `{target: fields}` of its own."""
    own = own or {}
    return Config.model_validate(
        {
            "aws": aws.settings.model_dump(),
            "dry_run": False,
            "store": f"sqlite:///{ledger}",
            "health": None,
            "targets": {
                name: {"actuator": _asg(group)} | QUICK | own.get(name, {}) for name, group in targets.items()
            },
        }
        | fields
    )


def _asg(group):
    return group if isinstance(group, dict) else {"type": "asg", "group": group}


def publish(aws, group, used, *, minutes=1, now=None):
    """The utilisation of the last whole minutes, in percent."""
    now = aws._clock.now() if now is None else now
    for n in range(1, minutes + 1):
        at = now // MINUTE * MINUTE - n * MINUTE
        aws.put_metric(CPU, used, time=at, dimensions={"AutoScalingGroupName": group})


def desired_writes(aws, group=None):
    """The capacities that were asked for, in order."""
    return [
        request.parameters["DesiredCapacity"]
        for request in aws.calls("SetDesiredCapacity")
        if group in (None, request.parameters["AutoScalingGroupName"])
    ]


def assert_replays(ledger, *names):
    """Every decision again, byte for byte; numbered without a gap; each stretch goes on from the last."""
    for name in names:
        result = replay(ledger, name)
        assert result.equal, result.difference
        state = ledger.state(name)
        assert result.decisions == state.seq > 0


class Lines:
    """What was logged, as JSON, one dictionary a line."""

    def __init__(self):
        self.text = io.StringIO()
        log.configure("json", "debug")
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(self.text))

    def all(self, **wanted):
        lines = [json.loads(line) for line in self.text.getvalue().splitlines()]
        return [line for line in lines if wanted.items() <= line.items()]

    def events(self, **wanted):
        return [line["event"] for line in self.all(**wanted)]


def out_of(actions):
    return [(a.previous, a.desired) for a in actions if a.direction is Direction.OUT]
