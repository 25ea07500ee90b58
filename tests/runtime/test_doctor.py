"""The doctor finds what would keep forescale from its work, and changes nothing."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.aws import AwsSettings, Clients
from forescale.aws.doctor import Verdict, check_group, policy_source
from forescale.config import Config
from forescale.demo.local_aws import CREDENTIALS
from forescale.runtime.doctor import examine

GROUP = {"AutoScalingGroupName": "web"}


class World:
    """A healthy group `web` with fresh CPU, and the configuration of a target on it."""

    def __init__(self, aws, clients, clock):
        self.aws, self.clock = aws, clock
        self.asg = clients.client("autoscaling")
        aws.create_group("web", minimum=1, maximum=10, desired=2, zones=("a",))
        for back in range(1, 15):
            aws.put_metric("AWS/EC2 CPUUtilization", 50.0, time=clock.now() - 60 * back, dimensions=GROUP)
        aws.requests.clear()

    def examine(self, clients, target=None, **config):
        targets = config.pop("targets", {"web": {"actuator": {"group": "web"}, **(target or {})}})
        return asyncio.run(
            examine(Config.model_validate({"targets": targets, **config}), clients, self.clock)
        )

    def pass_time(self, seconds):
        self.clock.advance(self.clock.now() + seconds)


@pytest.fixture
def world(aws, clients, clock):
    return World(aws, clients, clock)


def found(checks, name, target="web"):
    return [c for c in checks if c.name == name and c.target == target]


def only(checks, name, target="web"):
    (check,) = found(checks, name, target)
    return check


def test_a_healthy_target_is_fine_throughout(world, reader):
    checks = world.examine(reader)
    assert {c.verdict for c in checks} == {Verdict.OK}
    assert only(checks, "credentials", "").text.startswith("account 123456789012 in eu-west-1 as arn:aws:")
    assert only(checks, "group").text == "web: 2 in service, desired 2, min 1, max 10"
    assert only(checks, "metric cpu").text == "the newest bucket ended 0s ago"
    assert only(checks, "lead time").text == "2m, learned from 2 launches"
    assert only(checks, "writing").text == "may autoscaling:SetDesiredCapacity"


def test_nothing_is_written(world, reader):
    world.examine(reader, {"actuator": {"group": "web", "scale_in": {"how": "lifecycle", "hook": "x"}}})
    assert {w.operation for w in world.aws.writes()} == {"SimulatePrincipalPolicy"}


def test_without_credentials_that_is_all_it_says(world, reader):
    world.aws.faults.fail("GetCallerIdentity", "InvalidClientTokenId", "who?", status=403, times=None)
    (check,) = world.examine(reader)
    assert (check.name, check.verdict) == ("credentials", Verdict.FAIL)
    assert "does not know these credentials" in check.hint


def test_without_a_region_that_is_all_it_says(world, monkeypatch, tmp_path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    clients = Clients(AwsSettings(endpoint_url=world.aws.url), writable=False, credentials=CREDENTIALS)
    (check,) = world.examine(clients)
    clients.close()
    assert (check.name, check.verdict) == ("region", Verdict.FAIL)


def test_a_wrong_group_names_those_there_are_and_the_others_are_still_examined(world, reader):
    targets = {"web": {"actuator": {"group": "web"}}, "lost": {"actuator": {"group": "webb"}}}
    checks = world.examine(reader, targets=targets)
    lost = only(checks, "group", "lost")
    assert lost.verdict is Verdict.FAIL
    assert "'webb' not found in eu-west-1; groups there: web" in lost.text
    assert only(checks, "group").verdict is Verdict.OK


@pytest.mark.parametrize(
    ("operation", "verdict", "words"),
    [
        ("DescribePolicies", Verdict.WARN, "other scaling policies cannot be seen"),
        ("DescribeInstances", Verdict.WARN, "launch times"),
        ("DescribeAutoScalingGroups", Verdict.FAIL, "DescribeAutoScalingGroups"),
    ],
)
def test_missing_permissions_and_what_they_cost(world, reader, operation, verdict, words):
    world.aws.faults.deny(operation)
    check = only(world.examine(reader), "permissions", "")
    assert check.verdict is verdict
    assert words in check.text
    assert "allow " in check.hint


def test_metrics_that_may_not_be_read(world, reader):
    world.aws.faults.deny("GetMetricData")
    check = only(world.examine(reader), "metrics")
    assert check.verdict is Verdict.FAIL
    assert "cloudwatch:GetMetricData" in check.hint


class TestWriting:
    def test_denied(self, world, reader):
        world.aws.forbidden.add("autoscaling:SetDesiredCapacity")
        check = only(world.examine(reader), "writing")
        assert check.verdict is Verdict.FAIL
        assert "may not autoscaling:SetDesiredCapacity" in check.text

    def test_not_known_in_advance(self, world, reader):
        world.aws.faults.deny("SimulatePrincipalPolicy")
        check = only(world.examine(reader), "writing")
        assert check.verdict is Verdict.UNKNOWN
        assert "cannot be known in advance" in check.text

    def test_all_that_scale_in_needs_is_asked_for_this_group(self, world, reader):
        scale_in = {"how": "lifecycle", "hook": "drain"}
        world.examine(reader, {"actuator": {"group": "web", "scale_in": scale_in}})
        (call,) = world.aws.calls("SimulatePrincipalPolicy")
        assert call.parameters["ActionNames"] == [
            "autoscaling:SetDesiredCapacity",
            "autoscaling:TerminateInstanceInAutoScalingGroup",
            "autoscaling:CompleteLifecycleAction",
        ]
        assert call.parameters["ResourceArns"][0].endswith("autoScalingGroupName/web")

    @pytest.mark.parametrize(
        ("arn", "source"),
        [
            ("arn:aws:iam::123456789012:root", None),
            ("arn:aws:iam::123456789012:user/ann", "arn:aws:iam::123456789012:user/ann"),
            ("arn:aws:sts::123456789012:assumed-role/scaler/i-1", "arn:aws:iam::123456789012:role/scaler"),
            ("arn:aws-cn:sts::123456789012:assumed-role/r/s", "arn:aws-cn:iam::123456789012:role/r"),
        ],
    )
    def test_whose_policies_decide(self, arn, source):
        assert policy_source(arn) == source


class TestMetrics:
    def test_no_data(self, world, reader):
        check = only(world.examine(reader, {"signals": {"cpu": {"metric": "AWS/EC2 Nothing"}}}), "metric cpu")
        assert check.verdict is Verdict.FAIL
        assert "no data in the last 15m" in check.text

    def test_stale(self, world, reader):
        world.pass_time(600)
        check = only(world.examine(reader), "metric cpu")
        assert check.verdict is Verdict.FAIL
        assert check.text == "the newest bucket ended 10m ago; after 5m it counts as stale"

    def test_every_five_minutes_only(self, world, reader):
        for back in (1, 6, 11):
            time = world.clock.now() - 60 * back
            world.aws.put_metric("AWS/EC2 NetworkIn", 1.0, time=time, dimensions=GROUP)
        signals = {"cpu": {}, "net": {"metric": "AWS/EC2 NetworkIn", "unit": "bytes"}}
        check = only(world.examine(reader, {"signals": signals}), "metric net")
        assert check.verdict is Verdict.WARN
        assert check.text == "datapoints come every 5m, not every 1m"

    def test_a_wrong_expression_among_right_signals(self, world, reader):
        checks = world.examine(reader, {"signals": {"cpu": {}, "bad": {"expression": "LAG(1)"}}})
        assert "LAG" in only(checks, "metrics").text
        assert only(checks, "metric cpu").verdict is Verdict.OK
        assert found(checks, "metric bad") == []


class TestGroup:
    def test_suspended_processes(self, world, reader):
        world.asg.suspend_processes(
            AutoScalingGroupName="web", ScalingProcesses=["Launch", "AlarmNotification"]
        )
        check = only(world.examine(reader), "suspended processes")
        assert check.verdict is Verdict.FAIL
        assert "Launch is suspended: scale-out has no effect" in check.text

    def test_company(self, world, reader):
        world.asg.put_scaling_policy(
            AutoScalingGroupName="web",
            PolicyName="cpu-60",
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
                "TargetValue": 60.0,
            },
        )
        world.aws.refresh("web")
        checks = world.examine(reader)
        assert "policy cpu-60" in only(checks, "other writers").text
        assert only(checks, "instance refresh").verdict is Verdict.WARN

    def test_failed_launches(self, world, reader):
        world.aws.starve("web")
        world.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
        check = only(world.examine(reader), "launches")
        assert "sufficient t3.small capacity" in check.text

    def test_several_zones_are_rebalanced_unless_that_is_suspended(self, world, reader):
        world.aws.create_group("wide", zones=("a", "b"))
        target = {"actuator": {"group": "wide"}}
        assert only(world.examine(reader, target), "zone rebalancing").verdict is Verdict.WARN
        world.asg.suspend_processes(AutoScalingGroupName="wide", ScalingProcesses=["AZRebalance"])
        assert found(world.examine(reader, target), "zone rebalancing") == []

    @pytest.mark.parametrize(
        ("key", "value", "words"),
        [
            ("ManagedBy", "terraform", "Terraform"),
            ("terraform", "true", "Terraform"),
            ("Environment", "production", ""),
        ],
    )
    def test_infrastructure_as_code(self, world, reader, key, value, words):
        world.asg.create_or_update_tags(
            Tags=[
                {
                    "ResourceId": "web",
                    "ResourceType": "auto-scaling-group",
                    "Key": key,
                    "Value": value,
                    "PropagateAtLaunch": False,
                }
            ]
        )
        checks = found(world.examine(reader), "infrastructure as code")
        assert [words in c.text and "ignore_changes" in c.hint for c in checks] == ([True] if words else [])

    def test_cloudformation_weights_protection_and_fixed_size(self):
        group = {
            "AutoScalingGroupName": "web",
            "AvailabilityZones": ["eu-west-1a"],
            "MinSize": 2,
            "MaxSize": 2,
            "NewInstancesProtectedFromScaleIn": True,
            "Tags": [{"Key": "aws:cloudformation:stack-name", "Value": "prod"}],
            "MixedInstancesPolicy": {
                "LaunchTemplate": {"Overrides": [{"InstanceType": "m7i.large", "WeightedCapacity": "2"}]}
            },
        }
        assert {c.name: c.verdict for c in check_group(group)} == {
            "infrastructure as code": Verdict.WARN,
            "instance weights": Verdict.FAIL,
            "scale-in protection": Verdict.WARN,
            "bounds": Verdict.WARN,
        }

    def test_bounds_beyond_the_groups_own(self, world, reader):
        check = only(world.examine(reader, {"guards": {"max": 20}}), "bounds")
        assert check.text == "guards.max 20 is above the group's own max 10, which holds"
        check = only(world.examine(reader, {"guards": {"min": 15}}), "bounds")
        assert check.verdict is Verdict.FAIL

    def test_a_lead_time_far_from_the_configured_one(self, world, reader):
        check = only(world.examine(reader, {"lead_time": "1m"}), "lead time")
        assert check.verdict is Verdict.WARN
        assert "configured are 1m" in check.text


class TestHook:
    def examine(self, world, reader, drain="60s"):
        scale_in = {"how": "lifecycle", "hook": "drain", "drain": drain}
        checks = world.examine(reader, {"actuator": {"group": "web", "scale_in": scale_in}})
        return only(checks, "lifecycle hook")

    def put(self, world, transition="TERMINATING", timeout=300):
        world.asg.put_lifecycle_hook(
            LifecycleHookName="drain",
            AutoScalingGroupName="web",
            LifecycleTransition=f"autoscaling:EC2_INSTANCE_{transition}",
            HeartbeatTimeout=timeout,
        )

    def test_missing(self, world, reader):
        check = self.examine(world, reader)
        assert check.verdict is Verdict.FAIL
        assert "has no hook 'drain'; hooks there: none" in check.text

    def test_for_launches(self, world, reader):
        self.put(world, "LAUNCHING")
        assert self.examine(world, reader).verdict is Verdict.FAIL

    def test_shorter_than_the_drain(self, world, reader):
        self.put(world, timeout=30)
        assert self.examine(world, reader).verdict is Verdict.WARN

    def test_as_it_should_be(self, world, reader):
        self.put(world)
        assert self.examine(world, reader).verdict is Verdict.OK


@given(st.text(min_size=1, max_size=30))
def test_tags_of_any_kind_do_no_harm(text):
    group = {
        "AutoScalingGroupName": "web",
        "AvailabilityZones": ["a"],
        "MinSize": 1,
        "MaxSize": 2,
        "Tags": [{"Key": text, "Value": text}],
    }
    assert ("terraform" in text.lower()) == (check_group(group)[0].verdict is Verdict.WARN)
