"""An EC2 Auto Scaling Group: what it is doing, and setting its desired capacity."""

import asyncio
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any, Literal

from pydantic import Field

from forescale.actuators.asg_facts import Cached, FactReader, Launch
from forescale.actuators.lead_time import learn_lead_time
from forescale.aws import BUSY, Batcher, Clients, Rejected
from forescale.model.decision import Direction
from forescale.model.effect import Action, Done, NoOp, Outcome, Refused, Retry
from forescale.model.errors import AdapterError, NotFound, Throttled, Unavailable
from forescale.model.fleet import FleetStatus
from forescale.model.protocols import Clock
from forescale.model.sample import InstanceRef
from forescale.model.settings import Duration, Settings

# The most names in one DescribeAutoScalingGroups, where MaxRecords says as much.
_NAMES = 100
# The most values of one EC2 filter.
_INSTANCES = 200
# How long an observation waits for facts that are only read now and then.
_PATIENCE = 2.0
_BUSY_PAUSE = 15.0
_UNAVAILABLE_PAUSE = 5.0


class ScaleIn(Settings):
    """How instances are taken out."""

    how: Literal["desired", "lifecycle"] = "desired"
    """`desired`: lower the desired capacity, and the group chooses the instances;
    `lifecycle`: forescale terminates chosen, unprotected instances through the group."""
    hook: str | None = None
    """A termination lifecycle hook to complete once an instance has drained; left out: the
    hook's own timeout ends the wait."""
    drain: Duration = 60.0
    """How long an instance waits in that hook before it is completed."""


class AsgSettings(Settings):
    """An EC2 Auto Scaling Group."""

    type: Literal["asg"] = "asg"
    """An Auto Scaling Group."""
    group: str = Field(min_length=1, max_length=255)
    """Its name."""
    region: str | None = Field(default=None, min_length=1)
    """Its region, where it is not the one of `aws`."""
    scale_in: ScaleIn = ScaleIn()
    """How instances are taken out."""

    def owns(self, region: str) -> tuple[str, ...]:
        """What no other target may scale as well, where `region` is the one of `aws`."""
        return (self.type, self.region or region, self.group)


class AsgHub:
    """All Auto Scaling Groups of a process: their questions to AWS travel together.

    Args:
        clients: if they are not writable, every action ends as a dry run.
        clock: tells the time.
    """

    settings = AsgSettings

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self.clients, self.clock = clients, clock
        self.facts = FactReader(clients, clock)
        self.groups: Batcher[tuple[str, str], Any] = Batcher(
            self._describe_groups, limit=_NAMES, family=_region_of
        )
        self.launches: Batcher[tuple[str, str], float] = Batcher(
            self._describe_instances, limit=_INSTANCES, family=_region_of
        )

    def actuator(self, target: str, settings: AsgSettings) -> "AsgActuator":
        """The actuator of one target."""
        return AsgActuator(self, target, settings)

    async def names(self, region: str) -> list[str]:
        """The names of all groups of a region."""
        groups = await self.clients.pages(
            "autoscaling",
            "describe_auto_scaling_groups",
            "AutoScalingGroups",
            region=region,
            MaxRecords=_NAMES,
        )
        return [group["AutoScalingGroupName"] for group in groups]

    async def _describe_groups(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Any]:
        region = keys[0][0]
        groups = await self.clients.pages(
            "autoscaling",
            "describe_auto_scaling_groups",
            "AutoScalingGroups",
            region=region,
            AutoScalingGroupNames=[name for _, name in keys],
            MaxRecords=_NAMES,
        )
        return {(region, group["AutoScalingGroupName"]): group for group in groups}

    async def _describe_instances(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], float]:
        region = keys[0][0]
        # A filter, not InstanceIds: one instance that EC2 does not know yet fails no other.
        reservations = await self.clients.pages(
            "ec2",
            "describe_instances",
            "Reservations",
            region=region,
            Filters=[{"Name": "instance-id", "Values": [instance for _, instance in keys]}],
        )
        return {
            (region, instance["InstanceId"]): instance["LaunchTime"].timestamp()
            for reservation in reservations
            for instance in reservation["Instances"]
        }


class AsgActuator:
    """Observes and scales one group."""

    def __init__(self, hub: AsgHub, target: str, settings: AsgSettings) -> None:
        self._hub, self._target, self._settings = hub, target, settings
        self._clients, self._clock = hub.clients, hub.clock
        self._cache = Cached(self._read_facts, hub.clock)
        self._launched: dict[str, float] = {}
        self._first_seen: dict[str, float | None] = {}
        self._in_service: tuple[str, ...] = ()
        self._observed = False
        self._waiting: dict[str, float] = {}
        self._completing: dict[str, asyncio.Task[None]] = {}

    async def observe(self) -> FleetStatus:
        """The group as it is now: one batched call; what changes slowly is read now and then.

        Raises as `describe` does.
        """
        group = await self.describe()
        instances = group["Instances"]
        in_service = [i for i in instances if _in_service(i)]
        self._in_service = tuple(sorted(i["InstanceId"] for i in in_service))
        await self._learn_launch_times(instances)
        self._note_service()
        missing = len(in_service) < group["DesiredCapacity"]
        await self._cache.refresh(frozenset(self._in_service), missing, _PATIENCE)
        self._complete_drained(instances)
        return self._status(group)

    async def describe(self) -> Any:
        """The group in AWS's own words, from a call shared with others of the same moment.

        Raises `NotFound`, naming the groups that do exist there, and whatever the call raises.
        """
        group = await self._hub.groups.load((self._region, self._name))
        if group is None:
            raise await self._not_found()
        return group

    def instances(self) -> tuple[InstanceRef, ...]:
        """The instances in service at the last `observe`."""
        ended = {launch.instance: launch.end for launch in self._cache.facts.launches}
        return tuple(InstanceRef(i, self._first_seen.get(i) or ended.get(i)) for i in self._in_service)

    async def apply(self, action: Action) -> Outcome:
        """Set the desired capacity, or terminate instances through the group. At most once.

        Reads the group again first. Already there: Done. Changed by someone else since the
        decision, out of the group's own bounds, or too late: Refused. Raises `Unavailable`
        where a write may have arrived, or some of several have: the group itself will show.
        """
        now = self._clock.now()
        if now > action.expires:
            return Refused(action.id, f"too late by {now - action.expires:.0f}s: to be decided anew")
        if not self._clients.writable:
            return NoOp(
                action.id, f"dry run: would set {self._name} from {action.previous} to {action.desired}"
            )
        try:
            group = await self.describe()
        except Unavailable as error:
            return Retry(action.id, _UNAVAILABLE_PAUSE, error.message)
        except AdapterError as error:
            return _outcome(action, error)
        settled = self._settled(action, group)
        if settled is not None:
            return settled
        try:
            return await self._write(action, group)
        except Unavailable:
            raise
        except AdapterError as error:
            return _outcome(action, error)

    @property
    def _name(self) -> str:
        return self._settings.group

    @property
    def _region(self) -> str:
        return self._clients.region(self._settings.region)

    async def _not_found(self) -> NotFound:
        region = self._region
        try:
            names = await self._hub.names(region)
        except AdapterError as error:
            there = f"the groups there could not be listed: {error.message}"
        else:
            there = f"groups there: {closest(self._name, names)}" if names else "there are no groups there"
        return NotFound(
            f"Auto Scaling Group {self._name!r} not found in {region}; {there}",
            hint=f"list them with: aws autoscaling describe-auto-scaling-groups --region {region} "
            "--query 'AutoScalingGroups[].AutoScalingGroupName'; another region? set aws.region",
        )

    async def _learn_launch_times(self, instances: Sequence[Any]) -> None:
        there = {i["InstanceId"] for i in instances}
        self._launched = {i: at for i, at in self._launched.items() if i in there}
        unknown = sorted(there - self._launched.keys())
        try:
            found = await asyncio.gather(*(self._hub.launches.load((self._region, i)) for i in unknown))
        except AdapterError:
            return  # not allowed, or not now: launch times stay unknown, and nothing else hangs on them
        self._launched.update({i: at for i, at in zip(unknown, found, strict=True) if at is not None})

    def _note_service(self) -> None:
        """Remember when an instance was first seen in service; not known of those before us."""
        since = self._clock.now() if self._observed else None
        self._first_seen = {i: self._first_seen.get(i, since) for i in self._in_service}
        self._observed = True

    async def _read_facts(self, known: Any, *, launches: bool) -> Any:
        return await self._hub.facts.read(self._region, self._name, known, launches=launches)

    def _status(self, group: Any) -> FleetStatus:
        instances, facts = group["Instances"], self._cache.facts
        launched = [self._launched.get(i) for i in self._in_service]
        return FleetStatus(
            desired=group["DesiredCapacity"],
            minimum=group["MinSize"],
            maximum=group["MaxSize"],
            in_service=len(self._in_service),
            pending=_count(instances, "Pending"),
            draining=_count(instances, "Terminating"),
            standby=_count(instances, "Standby", "EnteringStandby"),
            protected=sum(_in_service(i) and i["ProtectedFromScaleIn"] for i in instances),
            launched=None if None in launched else tuple(sorted(at for at in launched if at is not None)),
            suspended=tuple(sorted(p["ProcessName"] for p in group.get("SuspendedProcesses", ()))),
            refreshing=facts.refreshing,
            others=facts.others,
            faults=facts.faults(self._clock.now()),
            lead_time=learn_lead_time(self._durations(facts.launches)),
        )

    def _durations(self, launches: Sequence[Launch]) -> list[float]:
        """Seconds from launch to service, oldest first: from the activities, else as we saw it."""
        ended = {
            launch.instance: (launch.end, launch.end - launch.start) for launch in launches if launch.instance
        }
        for instance, seen in self._first_seen.items():
            if seen is not None and instance in self._launched and instance not in ended:
                ended[instance] = (seen, seen - self._launched[instance])
        return [seconds for _, seconds in sorted(ended.values())]

    def _by_lifecycle(self, action: Action) -> bool:
        return self._settings.scale_in.how == "lifecycle" and action.direction is Direction.IN

    def _settled(self, action: Action, group: Any) -> Outcome | None:
        """The outcome of an action that needs no write, or must not have one."""
        current, lowest, highest = group["DesiredCapacity"], group["MinSize"], group["MaxSize"]
        if current == action.desired:
            return Done(action.id, current)
        begun = self._by_lifecycle(action) and action.desired < current < action.previous
        if current != action.previous and not begun:
            return Refused(
                action.id,
                f"foreign write: the desired capacity of {self._name} is {current} now, "
                f"not {action.previous} as when this was decided",
            )
        if not lowest <= action.desired <= highest:
            return Refused(
                action.id, f"{action.desired} is outside the group's own bounds: min {lowest}, max {highest}"
            )
        return None

    async def _write(self, action: Action, group: Any) -> Outcome:
        if self._by_lifecycle(action):
            return await self._terminate(action, group)
        await self._clients.call(
            "autoscaling",
            "set_desired_capacity",
            region=self._region,
            AutoScalingGroupName=self._name,
            DesiredCapacity=action.desired,
            HonorCooldown=False,
        )
        return Done(action.id, action.desired)

    async def _terminate(self, action: Action, group: Any) -> Outcome:
        count = group["DesiredCapacity"] - action.desired
        chosen = choose_victims(group["Instances"], self._launched, count)
        if len(chosen) < count:
            return Refused(
                action.id, f"only {len(chosen)} instances in service are not protected, and {count} should go"
            )
        for done, instance in enumerate(chosen):
            try:
                await self._clients.call(
                    "autoscaling",
                    "terminate_instance_in_auto_scaling_group",
                    region=self._region,
                    InstanceId=instance,
                    ShouldDecrementDesiredCapacity=True,
                )
            except AdapterError as error:
                if done:
                    raise Unavailable(f"{done} of {count} terminated: {error.message}") from error
                raise
        return Done(action.id, action.desired)

    def _complete_drained(self, instances: Sequence[Any]) -> None:
        """Let go, behind the loop, of the instances that have waited in the hook long enough."""
        now, scale_in = self._clock.now(), self._settings.scale_in
        there = [i["InstanceId"] for i in instances if i["LifecycleState"] == "Terminating:Wait"]
        self._waiting = {i: min(self._waiting.get(i, now), now) for i in there}
        if scale_in.hook is None or not self._clients.writable:
            return
        for instance, since in self._waiting.items():
            if now - since >= scale_in.drain and instance not in self._completing:
                task = asyncio.get_running_loop().create_task(self._complete(instance, scale_in.hook))
                self._completing[instance] = task
                task.add_done_callback(partial(self._completed, instance))

    async def _complete(self, instance: str, hook: str) -> None:
        try:
            await self._clients.call(
                "autoscaling",
                "complete_lifecycle_action",
                region=self._region,
                AutoScalingGroupName=self._name,
                LifecycleHookName=hook,
                InstanceId=instance,
                LifecycleActionResult="CONTINUE",
            )
        except AdapterError:
            return  # it still waits, so the next observation tries again; the hook's timeout is the end

    def _completed(self, instance: str, _task: object) -> None:
        self._completing.pop(instance, None)


def _outcome(action: Action, error: AdapterError) -> Outcome:
    """The outcome of an action that an error kept from being done."""
    if isinstance(error, Throttled):
        return Retry(action.id, error.after, error.message)
    if isinstance(error, Rejected) and error.code in BUSY:
        return Retry(action.id, _BUSY_PAUSE, error.message)
    return Refused(action.id, f"{error.message}. {error.hint}".rstrip(". "))


def choose_victims(instances: Sequence[Any], launched: Mapping[str, float], count: int) -> list[str]:
    """Which instances to take out: unprotected and in service, from the fullest zone, oldest first.

    Args:
        instances: as DescribeAutoScalingGroups says them.
        launched: launch times by instance id; one that is missing counts as young.
        count: how many; fewer are returned where there are not enough.
    """
    zones: dict[str, int] = {}
    free: dict[str, list[str]] = {}
    for instance in instances:
        zone = instance["AvailabilityZone"]
        if _in_service(instance):
            zones[zone] = zones.get(zone, 0) + 1
            if not instance["ProtectedFromScaleIn"]:
                free.setdefault(zone, []).append(instance["InstanceId"])
    for ids in free.values():
        ids.sort(key=lambda i: (launched.get(i, float("inf")), i), reverse=True)
    chosen: list[str] = []
    while len(chosen) < count and any(free.values()):
        zone = max((z for z in free if free[z]), key=lambda z: (zones[z], z))
        chosen.append(free[zone].pop())
        zones[zone] -= 1
    return chosen


def closest(name: str, names: Sequence[str], shown: int = 10) -> str:
    """The names in words, those most like `name` first, no more than `shown`."""
    like = get_close_matches(name, names, n=shown, cutoff=0.3)
    ordered = [*like, *sorted(set(names) - set(like))]
    rest = len(ordered) - shown
    return ", ".join(ordered[:shown]) + (f" and {rest} more" if rest > 0 else "")


def _region_of(key: tuple[str, str]) -> str:
    return key[0]


def _in_service(instance: Any) -> bool:
    return bool(instance["LifecycleState"] == "InService" and instance["HealthStatus"] == "Healthy")


def _count(instances: Sequence[Any], *states: str) -> int:
    return sum(instance["LifecycleState"].partition(":")[0] in states for instance in instances)
