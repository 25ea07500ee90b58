"""What could keep forescale from its work in an account, found out without changing anything."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from forescale.aws.clients import Clients
from forescale.model.errors import AdapterError, Denied, NotFound
from forescale.model.value import Value

# Everything forescale reads, the call that shows whether it may, and what is missing without.
_READS = (
    ("autoscaling", "describe_auto_scaling_groups", {"MaxRecords": 1}, ""),
    ("ec2", "describe_instances", {"MaxResults": 5}, "launch times, and so the minimum life of instances"),
    ("autoscaling", "describe_policies", {"MaxRecords": 1}, "other scaling policies"),
    ("autoscaling", "describe_scheduled_actions", {"MaxRecords": 1}, "scheduled actions"),
    ("autoscaling", "describe_scaling_activities", {"MaxRecords": 1}, "the lead time, and why launches fail"),
)
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
_NEEDED = {"Launch": "scale-out has no effect", "Terminate": "scale-in has no effect"}
_TERRAFORM = re.compile(r"terraform", re.IGNORECASE)
_ASSUMED = re.compile(r"arn:([\w-]+):sts::(\d+):assumed-role/([^/]+)/.+")


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Check(Value, frozen=True):
    """One thing looked at: of a target, or of the account where `target` is empty."""

    name: str
    verdict: Verdict
    text: str
    hint: str = ""
    target: str = ""


class Identity(Value, frozen=True):
    """Who forescale is to AWS."""

    account: str
    arn: str


async def check_credentials(clients: Clients, region: str) -> tuple[Check, Identity | None]:
    """Whether there is a way in, and as whom."""
    try:
        answer = await clients.call("sts", "get_caller_identity", region=region)
    except AdapterError as error:
        return failed("credentials", error), None
    identity = Identity(answer["Account"], answer["Arn"])
    text = f"account {identity.account} in {region} as {identity.arn}"
    return Check("credentials", Verdict.OK, text), identity


async def check_reads(clients: Clients, region: str) -> list[Check]:
    """Whether forescale may read what it reads; only the first is indispensable."""
    errors = await asyncio.gather(*(_try_read(clients, region, s, o, p) for s, o, p, _ in _READS))
    checks = []
    for (_, _, _, missing), error in zip(_READS, errors, strict=True):
        if error is not None and not missing:
            checks.append(failed("permissions", error))
        elif error is not None:
            text = f"{error.message}; without it {missing} cannot be seen"
            checks.append(Check("permissions", Verdict.WARN, text, error.hint))
    return checks or [Check("permissions", Verdict.OK, f"may read what it needs in {region}")]


async def _try_read(
    clients: Clients, region: str, service: str, operation: str, parameters: Mapping[str, Any]
) -> AdapterError | None:
    try:
        await clients.call(service, operation, region=region, **parameters)
    except AdapterError as error:
        return error
    return None


async def check_writes(
    clients: Clients, region: str, identity: Identity, group: Mapping[str, Any], actions: Sequence[str]
) -> Check:
    """Whether the IAM policies allow the actions on the group, as far as IAM will tell.

    Service control policies and permission boundaries of the organisation are not simulated
    by IAM in every case, so a denial is sure and an allowance nearly so.
    """
    source = policy_source(identity.arn)
    if source is None:
        return Check("writing", Verdict.OK, f"{identity.arn} may do everything")
    names = ", ".join(actions)
    try:
        answer = await clients.call(
            "iam",
            "simulate_principal_policy",
            region=region,
            PolicySourceArn=source,
            ActionNames=list(actions),
            ResourceArns=[group["AutoScalingGroupARN"]],
        )
    except (Denied, NotFound):
        return Check(
            "writing",
            Verdict.UNKNOWN,
            f"whether {names} is allowed cannot be known in advance",
            "allow iam:SimulatePrincipalPolicy to find out here",
        )
    except AdapterError as error:
        return failed("writing", error)
    denied = [r["EvalActionName"] for r in answer["EvaluationResults"] if r["EvalDecision"] != "allowed"]
    if denied:
        return Check(
            "writing",
            Verdict.FAIL,
            f"{source} may not {', '.join(denied)}",
            f"allow it on {group['AutoScalingGroupARN']}, or stay in dry run",
        )
    return Check("writing", Verdict.OK, f"may {names}")


def policy_source(arn: str) -> str | None:
    """The user or role whose policies decide about a caller; None for the root of an account.

    A role with a path is not found this way: its session does not show the path.
    """
    if arn.endswith(":root"):
        return None
    assumed = _ASSUMED.fullmatch(arn)
    if assumed:
        return f"arn:{assumed[1]}:iam::{assumed[2]}:role/{assumed[3]}"
    return arn


async def check_hook(clients: Clients, region: str, group: str, hook: str, drain: float) -> Check:
    """Whether the lifecycle hook to be completed is there, and waits long enough."""
    try:
        answer = await clients.call(
            "autoscaling", "describe_lifecycle_hooks", region=region, AutoScalingGroupName=group
        )
    except AdapterError as error:
        return failed("lifecycle hook", error)
    hooks = {h["LifecycleHookName"]: h for h in answer["LifecycleHooks"]}
    found = hooks.get(hook)
    if found is None:
        there = ", ".join(sorted(hooks)) or "none"
        return Check(
            "lifecycle hook",
            Verdict.FAIL,
            f"{group} has no hook {hook!r}; hooks there: {there}",
            "create it with `aws autoscaling put-lifecycle-hook`, or correct scale_in.hook",
        )
    if not found["LifecycleTransition"].endswith("TERMINATING"):
        return Check("lifecycle hook", Verdict.FAIL, f"hook {hook!r} is one for launches, not terminations")
    if found["HeartbeatTimeout"] < drain:
        return Check(
            "lifecycle hook",
            Verdict.WARN,
            f"hook {hook!r} lets go after {found['HeartbeatTimeout']} s, before the drain of {drain:.0f} s",
            "raise its heartbeat timeout, or lower scale_in.drain",
        )
    return Check("lifecycle hook", Verdict.OK, f"hook {hook!r} holds terminating instances")


def check_group(group: Mapping[str, Any]) -> list[Check]:
    """What in a group's own record works against forescale."""
    checks = [*_processes(group), *_owners(group), *_instances(group)]
    return checks or [Check("group settings", Verdict.OK, "nothing in them works against forescale")]


def _processes(group: Mapping[str, Any]) -> Iterable[Check]:
    suspended = {process["ProcessName"] for process in group.get("SuspendedProcesses", ())}
    for process, effect in _NEEDED.items():
        if process in suspended:
            yield Check(
                "suspended processes",
                Verdict.FAIL,
                f"{process} is suspended: {effect}",
                f"aws autoscaling resume-processes --auto-scaling-group-name {group['AutoScalingGroupName']}",
            )
    if "AZRebalance" not in suspended and len(group["AvailabilityZones"]) > 1:
        yield Check(
            "zone rebalancing",
            Verdict.WARN,
            "AZRebalance may launch and terminate instances on its own to even out the zones",
            "suspend it if instances must only be terminated by forescale",
        )


def _owners(group: Mapping[str, Any]) -> Iterable[Check]:
    """Infrastructure as code sets the desired capacity back at each apply, if it names one."""
    for tag in group.get("Tags", ()):
        key, value = tag["Key"], tag.get("Value") or ""
        if key == "aws:cloudformation:stack-name":
            yield Check(
                "infrastructure as code",
                Verdict.WARN,
                f"CloudFormation stack {value!r} owns this group",
                "leave DesiredCapacity out of its template, or each update sets it back",
            )
        elif _TERRAFORM.search(key) or _TERRAFORM.search(value):
            yield Check(
                "infrastructure as code",
                Verdict.WARN,
                f"tag {key}={value} says that Terraform owns this group",
                "add lifecycle { ignore_changes = [desired_capacity] } to it, or each apply sets it back",
            )


def _instances(group: Mapping[str, Any]) -> Iterable[Check]:
    template = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    if any("WeightedCapacity" in override for override in template.get("Overrides", ())):
        yield Check(
            "instance weights",
            Verdict.FAIL,
            "the group counts its capacity in weights, not in instances",
            "remove WeightedCapacity from its mixed instances policy",
        )
    if group.get("NewInstancesProtectedFromScaleIn"):
        yield Check(
            "scale-in protection",
            Verdict.WARN,
            "new instances are protected from scale-in, so scale-in has nothing to take",
            "switch it off for the group, or remove the protection yourself",
        )
    if group["MinSize"] == group["MaxSize"]:
        yield Check(
            "bounds",
            Verdict.WARN,
            f"min and max size are both {group['MinSize']}: there is nothing to scale",
        )


def failed(name: str, error: AdapterError) -> Check:
    """A check that an error has ended."""
    return Check(name, Verdict.FAIL, error.message, error.hint)
