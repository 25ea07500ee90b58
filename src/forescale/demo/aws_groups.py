"""The life of instances in the local AWS's groups: what moto leaves out.

moto holds the groups and their instances; here they take time to boot, wait in lifecycle
hooks, fail to launch, and leave scaling activities behind, all by the given clock. Every
request first brings moto's records up to that clock (`advance`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from forescale.demo.aws_wire import AwsError
from forescale.model.protocols import Clock

# AWS tries a failed launch again with growing pauses; a minute keeps tests and demos lively.
LAUNCH_PAUSE = 60.0
KEPT_ACTIVITIES = 1000
# EC2 forgets a terminated instance after about an hour.
_FORGET = 3600.0
_TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


@dataclass
class Life:
    """One instance: when it was launched, when it serves, until when it waits in a hook."""

    launched: float
    ready: float
    activity: dict[str, Any]
    hook: str = ""
    waits_until: float | None = None


@dataclass
class Extras:
    """What is kept of a group beside moto's own record."""

    lives: dict[str, Life] = field(default_factory=dict)
    activities: list[dict[str, Any]] = field(default_factory=list)
    refreshes: list[dict[str, Any]] = field(default_factory=list)
    starved: str = ""
    launch_again: float = 0.0


class Groups:
    """Every group of an account.

    Args:
        backends: moto's Auto Scaling backends, by region.
        clock: tells the time.
        boot: seconds that the next instance takes from launch to service.
    """

    def __init__(self, backends: Mapping[str, Any], clock: Clock, boot: Callable[[], float]) -> None:
        self._backends, self._clock, self._boot = backends, clock, boot
        self._extras: dict[tuple[str, str], Extras] = {}
        self._numbers = count(1)
        self._gone: list[tuple[float, Any, str]] = []

    def extras(self, region: str, name: str) -> Extras:
        """What is known of a group beside moto's record."""
        return self._extras.setdefault((region, name), Extras())

    def group(self, region: str, name: str) -> Any:
        """Moto's record of a group. Raises AWS's own error where there is none."""
        found = self._backends[region].autoscaling_groups.get(name)
        if found is None:
            raise AwsError(
                "ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"
            )
        return found

    def advance(self) -> None:
        """Bring every instance to where it is by now."""
        for region, backend in list(self._backends.items()):
            for group in list(backend.autoscaling_groups.values()):
                self._advance(region, group)
            for name in [n for r, n in self._extras if r == region and n not in backend.autoscaling_groups]:
                del self._extras[region, name]
        self._forget()

    def serve_now(self, region: str, name: str) -> None:
        """Let every instance of the group have been launched a boot time ago."""
        for state in self.group(region, name).instance_states:
            life = self.extras(region, name).lives[state.instance_id]
            took = life.ready - life.launched
            life.launched, life.ready = life.launched - took, life.launched
            life.activity["StartTime"] = life.launched
            _stamp(state.instance, life.launched)
        self.advance()

    def set_desired_capacity(self, region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """SetDesiredCapacity, within the group's bounds as AWS has it."""
        group, desired = self.group(region, parameters["AutoScalingGroupName"]), parameters["DesiredCapacity"]
        for wrong, word, bound in (
            (desired > group.max_size, "above max", group.max_size),
            (desired < group.min_size, "below min", group.min_size),
        ):
            if wrong:
                raise AwsError(
                    "ValidationError",
                    f"New SetDesiredCapacity value {desired} is {word} value {bound} "
                    "for the AutoScalingGroup.",
                )
        group.desired_capacity = desired
        self._reconcile(region, group)
        return {}

    def resize(self, region: str, parameters: Mapping[str, Any]) -> None:
        """The sizes of an UpdateAutoScalingGroup."""
        group = self.group(region, parameters["AutoScalingGroupName"])
        group.min_size = parameters.get("MinSize", group.min_size)
        group.max_size = parameters.get("MaxSize", group.max_size)
        desired = parameters.get("DesiredCapacity", group.desired_capacity)
        group.desired_capacity = min(max(desired, group.min_size), group.max_size)
        self._reconcile(region, group)

    def terminate_instance(self, region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """TerminateInstanceInAutoScalingGroup."""
        group, state = self._find(region, parameters["InstanceId"])
        if parameters["ShouldDecrementDesiredCapacity"]:
            if group.desired_capacity <= group.min_size:
                raise AwsError(
                    "ValidationError",
                    f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance without "
                    "replacement will violate group's min size constraint. Either set "
                    "shouldDecrementDesiredCapacity flag to false or lower group's min size.",
                )
            group.desired_capacity -= 1
        activity = self._terminate(region, group, state)
        self._reconcile(region, group)
        return {"Activity": activity}

    def complete_lifecycle_action(self, region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """CompleteLifecycleAction of a termination hook."""
        group, state, life = self._waiting(region, parameters)
        life.waits_until = self._clock.now()
        self._finish_waiting(region, group, state, life)
        return {}

    def record_heartbeat(self, region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """RecordLifecycleActionHeartbeat: the wait starts anew."""
        group, _, life = self._waiting(region, parameters)
        hook = self._backends[region].describe_lifecycle_hooks(group.name, [life.hook])[0]
        life.waits_until = self._clock.now() + hook.heartbeat_timeout
        return {}

    def describe_activities(self, region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """DescribeScalingActivities, newest first."""
        wanted = parameters.get("AutoScalingGroupName")
        if wanted:
            self.group(region, wanted)
        found = [
            activity
            for (where, name), extras in self._extras.items()
            if where == region and name == (wanted or name)
            for activity in extras.activities
        ]
        found.sort(key=lambda activity: activity["StartTime"], reverse=True)
        first, most = int(parameters.get("NextToken") or 0), parameters.get("MaxRecords", 100)
        last = first + most
        return {
            "Activities": found[first:last],
            "NextToken": str(last) if last < len(found) else None,
        }

    def describe_refreshes(self, region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """DescribeInstanceRefreshes, newest first."""
        name = parameters["AutoScalingGroupName"]
        self.group(region, name)
        return {"InstanceRefreshes": self.extras(region, name).refreshes[: parameters.get("MaxRecords", 50)]}

    def _advance(self, region: str, group: Any) -> None:
        extras, now = self.extras(region, group.name), self._clock.now()
        for state in list(group.instance_states):
            life = extras.lives.get(state.instance_id)
            if life is None:
                life = self._adopt(region, group, state)
            if state.lifecycle_state == "Pending" and now >= life.ready:
                state.lifecycle_state = "InService"
                life.activity.update(StatusCode="Successful", EndTime=life.ready, Progress=100)
            elif life.waits_until is not None and now >= life.waits_until:
                self._finish_waiting(region, group, state, life)
        there = {state.instance_id for state in group.instance_states}
        extras.lives = {i: life for i, life in extras.lives.items() if i in there}
        self._reconcile(region, group)

    def _adopt(self, region: str, group: Any, state: Any) -> Life:
        """An instance that moto has just launched begins to boot, in the emptiest zone."""
        now = self._clock.now()
        zones = [s.availability_zone for s in group.instance_states if s is not state]
        state.availability_zone = min(sorted(group.availability_zones), key=zones.count)
        state.instance.placement.zone = state.availability_zone
        state.lifecycle_state = "Pending"
        _stamp(state.instance, now)
        activity = self._activity(region, group, f"Launching a new EC2 instance: {state.instance_id}")
        life = Life(now, now + self._boot(), activity)
        self.extras(region, group.name).lives[state.instance_id] = life
        return life

    def _reconcile(self, region: str, group: Any) -> None:
        """Launch or terminate until there are as many instances as desired."""
        there = [s for s in group.instance_states if s.lifecycle_state in ("Pending", "InService")]
        missing = group.desired_capacity - len(there)
        suspended = {process["ProcessName"] for process in group.suspended_processes}
        if missing > 0 and "Launch" not in suspended:
            self._launch(region, group, missing)
        elif missing < 0 and "Terminate" not in suspended:
            for state in _least_wanted(there, -missing):
                self._terminate(region, group, state)

    def _launch(self, region: str, group: Any, missing: int) -> None:
        extras, now = self.extras(region, group.name), self._clock.now()
        if not extras.starved:
            before = {state.instance_id for state in group.instance_states}
            group.replace_autoscaling_group_instances(missing, group.get_propagated_tags())
            for state in group.instance_states:
                if state.instance_id not in before:
                    self._adopt(region, group, state)
        elif now >= extras.launch_again:
            extras.launch_again = now + LAUNCH_PAUSE
            activity = self._activity(region, group, "Launching a new EC2 instance")
            activity.update(StatusCode="Failed", StatusMessage=extras.starved, EndTime=now, Progress=100)

    def _terminate(self, region: str, group: Any, state: Any) -> dict[str, Any]:
        extras = self.extras(region, group.name)
        life = extras.lives[state.instance_id]
        if state.lifecycle_state == "Pending":
            life.activity.update(StatusCode="Cancelled", EndTime=self._clock.now(), Progress=100)
        life.activity = self._activity(region, group, f"Terminating EC2 instance: {state.instance_id}")
        state.lifecycle_state = "Terminating:Wait"
        hooks = self._backends[region].describe_lifecycle_hooks(group.name)
        hook = next((h for h in hooks if h.lifecycle_transition == _TERMINATING), None)
        life.waits_until = self._clock.now() + (hook.heartbeat_timeout if hook else 0.0)
        life.hook = hook.name if hook else ""
        if hook is None:
            self._finish_waiting(region, group, state, life)
        return life.activity

    def _finish_waiting(self, region: str, group: Any, state: Any, life: Life) -> None:
        life.activity.update(StatusCode="Successful", EndTime=life.waits_until, Progress=100)
        group.instance_states.remove(state)
        self.extras(region, group.name).lives.pop(state.instance_id, None)
        ec2 = self._backends[region].ec2_backend
        ec2.terminate_instances([state.instance_id])
        self._gone.append((self._clock.now(), ec2, state.instance_id))

    def _forget(self) -> None:
        """Drop what EC2 has forgotten: moto's answers would grow slower with each launch."""
        while self._gone and self._clock.now() - self._gone[0][0] >= _FORGET:
            _, ec2, instance_id = self._gone.pop(0)
            for key, reservation in list(ec2.reservations.items()):
                reservation.instances = [i for i in reservation.instances if i.id != instance_id]
                if not reservation.instances:
                    del ec2.reservations[key]

    def _activity(self, region: str, group: Any, description: str) -> dict[str, Any]:
        activity = {
            "ActivityId": f"00000000-0000-4000-8000-{next(self._numbers):012d}",
            "AutoScalingGroupName": group.name,
            "Description": description,
            "Cause": f"the group wants {group.desired_capacity} instances",
            "StartTime": self._clock.now(),
            "StatusCode": "InProgress",
            "Progress": 50,
        }
        activities = self.extras(region, group.name).activities
        activities.append(activity)
        del activities[:-KEPT_ACTIVITIES]
        return activity

    def _find(self, region: str, instance_id: str) -> tuple[Any, Any]:
        for group, state in _states(self._backends[region]):
            if state.instance_id == instance_id:
                return group, state
        raise AwsError(
            "ValidationError",
            f"Instance Id not found - No managed instance found for instance ID: {instance_id}",
        )

    def _waiting(self, region: str, parameters: Mapping[str, Any]) -> tuple[Any, Any, Life]:
        group, state = self._find(region, parameters["InstanceId"])
        life = self.extras(region, group.name).lives[state.instance_id]
        if life.waits_until is None or life.hook != parameters["LifecycleHookName"]:
            raise AwsError(
                "ValidationError",
                f"No active Lifecycle Action found with instance ID {state.instance_id}",
            )
        return group, state, life


def _least_wanted(states: Iterable[Any], number: int) -> list[Any]:
    """Whom the group gives up first: who still boots, then from the fullest zone, oldest first."""
    free = [s for s in states if not s.protected_from_scale_in]
    chosen = [s for s in reversed(free) if s.lifecycle_state == "Pending"][:number]
    rest = [s for s in free if s not in chosen]
    while rest and len(chosen) < number:
        zones = [s.availability_zone for s in rest]
        fullest = max(sorted(set(zones)), key=zones.count)
        oldest = next(s for s in rest if s.availability_zone == fullest)
        rest.remove(oldest)
        chosen.append(oldest)
    return chosen


def _states(backend: Any) -> Iterator[tuple[Any, Any]]:
    for group in backend.autoscaling_groups.values():
        for state in group.instance_states:
            yield group, state


def _stamp(instance: Any, launched: float) -> None:
    instance.launch_time = datetime.fromtimestamp(launched, UTC)
