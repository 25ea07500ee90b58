"""What changes slowly about an Auto Scaling Group: launches, refreshes, and who else writes to it.

How long ago something was read is taken without its sign: a clock that was set back must not
keep it from being read until the clock is where it was.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

from forescale.actuators.lead_time import RECENT
from forescale.aws import Clients
from forescale.model.errors import AdapterError
from forescale.model.protocols import Clock
from forescale.model.value import Value

REFRESH = 300.0
"""Seconds until the facts are read again."""
FAULT_AGE = 900.0
"""A failed launch is recent for 15 minutes."""
# These calls cannot be batched (one group each): two at a time stay well inside the API's rate,
# also when a process starts with a thousand groups.
_PARALLEL = 2
# A new launch is looked up again after this many seconds at the earliest.
_LAUNCH_PAUSE = 60.0
_LAUNCHED = re.compile(r"Launching a new EC2 instance: (i-[0-9a-f]+)")
_LAUNCHING = "Launching a new EC2 instance"
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-overview.html
_REFRESHING = frozenset({"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"})


class Launch(Value, frozen=True):
    """A launch that succeeded, or failed (`error`)."""

    instance: str
    start: float
    end: float
    error: str = ""


class Facts(Value, frozen=True):
    """The slow facts of one group, as last read."""

    others: tuple[str, ...] = ()
    refreshing: str = ""
    launches: tuple[Launch, ...] = ()

    def faults(self, now: float) -> tuple[str, ...]:
        """Why recent launches failed, each reason once."""
        recent = (launch.error for launch in self.launches if launch.error and now - launch.end < FAULT_AGE)
        return tuple(dict.fromkeys(recent))


class FactReader:
    """Reads the slow facts of all groups, in the background, never holding up an observation."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients, self._clock = clients, clock
        self._slots = asyncio.Semaphore(_PARALLEL)
        self._writers: dict[str, tuple[float, asyncio.Task[dict[str, list[str]]]]] = {}

    async def read(self, region: str, group: str, known: Facts, *, launches: bool) -> Facts:
        """The facts now. What may not be read (permissions, throttling) stays as it was known.

        Args:
            region: where the group is.
            group: its name.
            known: the facts as last read.
            launches: whether its scaling activities are worth reading again.
        """
        async with self._slots:
            others = await self._attempt(self._others(region, group), known.others)
            refreshing = await self._attempt(self._refreshing(region, group), known.refreshing)
            done = known.launches
            if launches:
                done = await self._attempt(self._launches(region, group), known.launches)
        return Facts(others, refreshing, done)

    async def _attempt(self, reading: Any, otherwise: Any) -> Any:
        try:
            return await reading
        except AdapterError:
            return otherwise

    async def _others(self, region: str, group: str) -> tuple[str, ...]:
        """Policies and scheduled actions of the group, from one read of the whole region."""
        read, task = self._writers.get(region, (0.0, None))
        if task is None or abs(self._clock.now() - read) >= REFRESH or _failed(task):
            task = asyncio.get_running_loop().create_task(self._read_writers(region))
            self._writers[region] = (self._clock.now(), task)
        return tuple((await asyncio.shield(task)).get(group, ()))

    async def _read_writers(self, region: str) -> dict[str, list[str]]:
        policies = await self._clients.pages(
            "autoscaling", "describe_policies", "ScalingPolicies", region=region, MaxRecords=100
        )
        actions = await self._clients.pages(
            "autoscaling",
            "describe_scheduled_actions",
            "ScheduledUpdateGroupActions",
            region=region,
            MaxRecords=100,
        )
        writers: dict[str, list[str]] = {}
        for item, name in [
            *((policy, policy_writer(policy)) for policy in policies),
            *((action, f"scheduled action {action['ScheduledActionName']}") for action in actions),
        ]:
            if name:
                writers.setdefault(item["AutoScalingGroupName"], []).append(name)
        return writers

    async def _refreshing(self, region: str, group: str) -> str:
        answer = await self._clients.call(
            "autoscaling",
            "describe_instance_refreshes",
            region=region,
            AutoScalingGroupName=group,
            MaxRecords=1,
        )
        for refresh in answer.get("InstanceRefreshes", ()):  # newest first
            if refresh["Status"] in _REFRESHING:
                return f"{refresh['InstanceRefreshId']} {refresh['Status']}"
        return ""

    async def _launches(self, region: str, group: str) -> tuple[Launch, ...]:
        answer = await self._clients.call(
            "autoscaling",
            "describe_scaling_activities",
            region=region,
            AutoScalingGroupName=group,
            MaxRecords=100,
        )
        return parse_launches(answer.get("Activities", ()))


class Cached:
    """One group's facts and when to read them again."""

    def __init__(self, read: Callable[..., Any], clock: Clock) -> None:
        self._read, self._clock = read, clock
        self._task: asyncio.Task[None] | None = None
        self._read_at: float | None = None
        self._launches_at: float | None = None
        self._in_service: frozenset[str] = frozenset()
        self.facts = Facts()

    async def refresh(self, in_service: frozenset[str], missing: bool, patience: float) -> None:
        """Read what is due; wait for it no longer than `patience` seconds of real time.

        Args:
            in_service: ids of the instances in service; a new one has a launch to learn from.
            missing: whether instances are yet to come, so that launches may be failing.
            patience: seconds to wait; the reading goes on behind.
        """
        if self._task is None or self._task.done():
            now = self._clock.now()
            launches = self._launches_due(now, in_service, missing)
            if not launches and self._read_at is not None and abs(now - self._read_at) < REFRESH:
                return
            self._read_at = now
            if launches:
                self._launches_at, self._in_service = now, in_service
            self._task = asyncio.get_running_loop().create_task(self._run(launches))
        await asyncio.wait({self._task}, timeout=patience)

    def _launches_due(self, now: float, in_service: frozenset[str], missing: bool) -> bool:
        if self._launches_at is None:
            return True
        news = missing or not in_service <= self._in_service
        return news and abs(now - self._launches_at) >= _LAUNCH_PAUSE

    async def _run(self, launches: bool) -> None:
        self.facts = await self._read(self.facts, launches=launches)


def policy_writer(policy: Any) -> str:
    """What to call a scaling policy that may change the desired capacity; "" if it may not."""
    if not policy.get("Enabled", True):
        return ""
    kind = policy.get("PolicyType", "SimpleScaling")
    forecast = policy.get("PredictiveScalingConfiguration", {})
    if kind == "PredictiveScaling" and forecast.get("Mode", "ForecastOnly") == "ForecastOnly":
        return ""
    return f"policy {policy['PolicyName']} ({kind})"


def parse_launches(activities: Sequence[Any]) -> tuple[Launch, ...]:
    """The newest launches among scaling activities that have ended, oldest first."""
    launches = []
    for activity in activities:
        if "EndTime" not in activity or not activity["Description"].startswith(_LAUNCHING):
            continue
        start, end = activity["StartTime"].timestamp(), activity["EndTime"].timestamp()
        found = _LAUNCHED.match(activity["Description"])
        if activity["StatusCode"] == "Successful" and found:
            launches.append(Launch(found[1], start, end))
        elif activity["StatusCode"] == "Failed":
            launches.append(Launch("", start, end, activity.get("StatusMessage") or "launch failed"))
    return tuple(sorted(launches, key=lambda launch: launch.end)[-RECENT:])


def _failed(task: "asyncio.Task[Any]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
