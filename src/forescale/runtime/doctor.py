"""A look at everything a configuration stands on, before anything is run. Changes nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from forescale.actuators import AsgHub
from forescale.actuators.asg import AsgActuator
from forescale.aws import Clients
from forescale.aws.doctor import (
    Check,
    Identity,
    Verdict,
    check_credentials,
    check_group,
    check_hook,
    check_reads,
    check_writes,
    failed,
)
from forescale.config.settings import Config, Target
from forescale.model.errors import AdapterError, ConfigError
from forescale.model.fleet import FleetStatus
from forescale.model.protocols import Clock
from forescale.model.sample import Sample, Window
from forescale.model.settings import format_duration
from forescale.runtime.wiring import assemble

# Far enough back to see a metric that comes every five minutes three times.
_BACK = 900.0
_LEAD_TIME_OFF = 1.5


async def examine(config: Config, clients: Clients, clock: Clock) -> list[Check]:
    """Every check of the account, then of each target. Never raises for what it finds.

    Args:
        config: what is to be run.
        clients: reading is enough.
        clock: tells the time.
    """
    try:
        region = clients.region()
    except ConfigError as error:
        return [Check("region", Verdict.FAIL, error.message, error.hint)]
    check, identity = await check_credentials(clients, region)
    if identity is None:
        return [check]
    regions = sorted({t.actuator.region or region for t in config.targets.values()})
    reads = await asyncio.gather(*(check_reads(clients, r) for r in regions))
    doctor = _TargetDoctor(config, clients, clock, identity)
    targets = await asyncio.gather(*(doctor.examine(name) for name in config.targets))
    return [check, *(c for checks in (*reads, *targets) for c in checks)]


class _TargetDoctor:
    def __init__(self, config: Config, clients: Clients, clock: Clock, identity: Identity) -> None:
        self._config, self._clients, self._clock, self._identity = config, clients, clock, identity
        self._hub = AsgHub(clients, clock)
        self._parts = {part.name: part for part in assemble(config, clients, clock)}

    async def examine(self, name: str) -> list[Check]:
        """Every check of one target."""
        target = self._config.targets[name]
        actuator = self._hub.actuator(name, target.actuator)
        try:
            fleet, group = await asyncio.gather(actuator.observe(), actuator.describe())
        except AdapterError as error:
            return [_of(name, failed("group", error))]
        checks = [
            _exists(target, fleet),
            *_bounds(target, fleet),
            *check_group(group),
            *_company(fleet),
            *_lead_time(target, fleet),
            *await self._rights(target, group),
            *await self._signals(name, target, actuator),
        ]
        return [_of(name, check) for check in checks]

    async def _rights(self, target: Target, group: Mapping[str, object]) -> list[Check]:
        settings = target.actuator
        region = self._clients.region(settings.region)
        actions = ["autoscaling:SetDesiredCapacity"]
        checks = []
        if settings.scale_in.how == "lifecycle":
            actions.append("autoscaling:TerminateInstanceInAutoScalingGroup")
        if settings.scale_in.hook:
            actions.append("autoscaling:CompleteLifecycleAction")
            hook, drain = settings.scale_in.hook, settings.scale_in.drain
            checks.append(await check_hook(self._clients, region, settings.group, hook, drain))
        return [*checks, await check_writes(self._clients, region, self._identity, group, actions)]

    async def _signals(self, name: str, target: Target, actuator: AsgActuator) -> list[Check]:
        now = self._clock.now()
        source = self._parts[name].source
        try:
            samples = await source.read(Window(now - _BACK, now, actuator.instances()))
        except AdapterError as error:
            return [failed("metrics", error)]
        wrong = [Check("metrics", Verdict.FAIL, text) for text in source.errors]
        told = {text.partition(":")[0] for text in source.errors}
        return wrong + [check_signal(s, samples, target, now) for s in target.signals if s not in told]


def check_signal(signal: str, samples: Sequence[Sample], target: Target, now: float) -> Check:
    """Whether a signal's newest bucket is fresh, and its buckets follow each other."""
    settings = target.signals[signal]
    times = sorted({s.time for s in samples if s.signal == signal and s.value is not None})
    name = f"metric {signal}"
    if not times:
        return Check(
            name,
            Verdict.FAIL,
            f"no data in the last {format_duration(_BACK)}",
            "check the metric's namespace, name, dimensions and region; has the group instances?",
        )
    age = now - times[-1] - settings.period
    if age > settings.max_age:
        return Check(
            name,
            Verdict.FAIL,
            f"the newest bucket ended {format_duration(age)} ago; after {format_duration(settings.max_age)} "
            "it counts as stale",
            "switch on detailed monitoring of the instances, or raise period and max_age",
        )
    apart = min((b - a for a, b in pairwise(times)), default=settings.period)
    if apart > settings.period:
        return Check(
            name,
            Verdict.WARN,
            f"datapoints come every {format_duration(apart)}, not every {format_duration(settings.period)}",
            "switch on detailed monitoring of the instances, or raise period",
        )
    return Check(name, Verdict.OK, f"the newest bucket ended {format_duration(max(age, 0.0))} ago")


def _exists(target: Target, fleet: FleetStatus) -> Check:
    text = (
        f"{target.actuator.group}: {fleet.in_service} in service, desired {fleet.desired}, "
        f"min {fleet.minimum}, max {fleet.maximum}"
    )
    return Check("group", Verdict.OK, text)


def _bounds(target: Target, fleet: FleetStatus) -> list[Check]:
    lowest, highest = target.guards.min, target.guards.max
    checks = []
    if highest is not None and highest > fleet.maximum:
        text = f"guards.max {highest} is above the group's own max {fleet.maximum}, which holds"
        checks.append(Check("bounds", Verdict.WARN, text, "raise the group's max size, or lower guards.max"))
    if lowest > fleet.maximum:
        text = f"guards.min {lowest} is above the group's own max {fleet.maximum}"
        checks.append(Check("bounds", Verdict.FAIL, text, "raise the group's max size, or lower guards.min"))
    return checks


def _company(fleet: FleetStatus) -> list[Check]:
    """Who else writes the desired capacity, and what is under way."""
    checks = [
        Check(
            "other writers",
            Verdict.WARN,
            f"{other} may change the desired capacity as well",
            "remove or disable it before forescale acts: two owners undo each other's work",
        )
        for other in fleet.others
    ]
    if fleet.refreshing:
        text = f"instance refresh {fleet.refreshing}"
        checks.append(Check("instance refresh", Verdict.WARN, text, "it replaces instances while it runs"))
    checks += [Check("launches", Verdict.WARN, f"a recent launch failed: {fault}") for fault in fleet.faults]
    return checks


def _lead_time(target: Target, fleet: FleetStatus) -> list[Check]:
    learned = fleet.lead_time
    if learned is None:
        text = f"no launch to learn from yet: {format_duration(target.lead_time)} as configured"
        return [Check("lead time", Verdict.OK, text)]
    text = f"{format_duration(learned.seconds)}, learned from {learned.samples} launches"
    if learned.seconds > _LEAD_TIME_OFF * target.lead_time:
        text += f"; configured are {format_duration(target.lead_time)}"
        return [Check("lead time", Verdict.WARN, text, "raise lead_time: backtests use the configured one")]
    return [Check("lead time", Verdict.OK, text)]


def _of(target: str, check: Check) -> Check:
    return msgspec.structs.replace(check, target=target)
