"""What the actuator sees of an Auto Scaling Group, over HTTP."""

import asyncio

import pytest
from asg_world import World

from forescale.actuators import AsgHub, AsgSettings
from forescale.aws import Clients
from forescale.demo.local_aws import CREDENTIALS, LocalAws
from forescale.model.errors import Denied, NotFound, Throttled, Unavailable
from forescale.model.fleet import LeadTime


class TestObserve:
    def test_counts_bounds_and_launch_times(self, world):
        world.set_desired(4)
        fleet = world.observe()
        assert (fleet.desired, fleet.minimum, fleet.maximum) == (4, 1, 10)
        assert (fleet.in_service, fleet.pending, fleet.draining) == (2, 2, 0)
        assert fleet.launched == (world.clock.now() - 120,) * 2
        assert (fleet.suspended, fleet.refreshing, fleet.others, fleet.faults) == ((), "", (), ())

    def test_booted_instances_join(self, world):
        world.set_desired(4)
        world.observe()
        begun = world.clock.now()
        world.pass_time(120)
        fleet = world.observe()
        assert (fleet.in_service, fleet.pending) == (4, 0)
        assert fleet.launched == (begun - 120, begun - 120, begun, begun)

    def test_standby_protection_and_suspension_are_seen(self, world):
        world.set_desired(3)
        world.pass_time(120)
        one, two, _ = world.ids()
        world.asg.enter_standby(
            AutoScalingGroupName="web", InstanceIds=[one], ShouldDecrementDesiredCapacity=True
        )
        world.asg.set_instance_protection(
            AutoScalingGroupName="web", InstanceIds=[two], ProtectedFromScaleIn=True
        )
        world.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch", "AZRebalance"])
        fleet = world.observe()
        assert (fleet.in_service, fleet.standby, fleet.protected) == (2, 1, 1)
        assert fleet.suspended == ("AZRebalance", "Launch")

    def test_an_unhealthy_instance_is_not_in_service(self, world):
        world.asg.set_instance_health(InstanceId=world.ids()[0], HealthStatus="Unhealthy")
        assert world.observe().in_service == 1

    def test_draining_instances_are_not_in_service(self, world):
        world.hook()
        world.set_desired(1)
        fleet = world.observe()
        assert (fleet.in_service, fleet.draining) == (1, 1)

    def test_others_who_write_the_desired_capacity_are_named(self, world):
        world.asg.put_scaling_policy(
            AutoScalingGroupName="web",
            PolicyName="cpu-60",
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
                "TargetValue": 60.0,
            },
        )
        world.asg.put_scheduled_update_group_action(
            AutoScalingGroupName="web",
            ScheduledActionName="nightly",
            Recurrence="0 2 * * *",
            DesiredCapacity=1,
        )
        world.aws.create_group("other")
        world.asg.put_scaling_policy(
            AutoScalingGroupName="other",
            PolicyName="theirs",
            ScalingAdjustment=1,
            AdjustmentType="ChangeInCapacity",
        )
        assert world.observe().others == ("policy cpu-60 (TargetTrackingScaling)", "scheduled action nightly")

    def test_an_instance_refresh_is_seen_and_its_end(self, world):
        world.aws.refresh("web")
        assert world.observe().refreshing.endswith("InProgress")
        world.aws.refresh("web", "Successful")
        world.pass_time(300)
        assert world.observe().refreshing == ""

    def test_a_failed_launch_is_a_fault_for_a_quarter_of_an_hour(self, world):
        world.observe()
        world.aws.starve("web")
        world.set_desired(3)
        world.pass_time(61)
        (fault,) = world.observe().faults
        assert "sufficient t3.small capacity" in fault
        world.set_desired(2)
        world.pass_time(901)
        assert world.observe().faults == ()

    def test_a_group_that_is_not_there_names_the_region_and_those_that_are(self, world):
        for name in ("web-blue", "queue", "db"):
            world.aws.create_group(name)
        lost = world.hub.actuator("lost", AsgSettings(group="web-bleu"))
        with pytest.raises(NotFound) as caught:
            asyncio.run(lost.observe())
        assert caught.value.message == (
            "Auto Scaling Group 'web-bleu' not found in eu-west-1; groups there: web-blue, web, queue, db"
        )
        assert "describe-auto-scaling-groups --region eu-west-1" in caught.value.hint

    def test_a_region_without_groups_says_so(self, world):
        lost = world.hub.actuator("lost", AsgSettings(group="web", region="us-east-2"))
        with pytest.raises(NotFound, match="not found in us-east-2; there are no groups there"):
            asyncio.run(lost.observe())

    @pytest.mark.parametrize(
        ("code", "status", "kind"),
        [
            ("Throttling", 400, Throttled),
            ("AccessDenied", 403, Denied),
            ("InternalFailure", 500, Unavailable),
        ],
    )
    def test_errors_are_the_right_kind(self, world, code, status, kind):
        world.aws.faults.fail("DescribeAutoScalingGroups", code, "no", status=status, times=None)
        with pytest.raises(kind):
            world.observe()

    def test_without_the_right_to_look_closer_the_counts_still_come(self, world):
        for operation in (
            "DescribeInstances",
            "DescribePolicies",
            "DescribeInstanceRefreshes",
            "DescribeScalingActivities",
        ):
            world.aws.faults.deny(operation)
        fleet = world.observe()
        assert (fleet.desired, fleet.in_service, fleet.launched, fleet.lead_time) == (2, 2, None, None)

    def test_slow_facts_are_kept_while_they_cannot_be_read(self, world):
        world.aws.refresh("web")
        assert world.observe().refreshing
        world.aws.faults.throttle("DescribeInstanceRefreshes", times=None)
        world.pass_time(301)
        assert world.observe().refreshing

    def test_a_clock_that_was_set_back_does_not_stop_the_reading(self, world):
        world.clock.advance(world.clock.now() + 86400)
        world.observe()
        world.clock._now -= 86400
        world.aws.refresh("web")
        assert world.observe().refreshing


class TestCalls:
    def test_an_observation_is_one_call_and_slow_facts_are_read_now_and_then(self, world):
        for _ in range(60):
            world.observe()
            world.pass_time(10)
        count = {op: len(world.aws.calls(op)) for op in {r.operation for r in world.aws.requests}}
        assert count == {
            "DescribeAutoScalingGroups": 60,
            "DescribePolicies": 2,
            "DescribeScheduledActions": 2,
            "DescribeInstanceRefreshes": 2,
            "DescribeScalingActivities": 1,
            "DescribeInstances": 1,
        }

    def test_many_groups_are_described_together(self, world):
        names = [f"g{i:03}" for i in range(120)]
        asg = world.asg
        for name in names:
            asg.create_auto_scaling_group(
                AutoScalingGroupName=name,
                MinSize=0,
                MaxSize=1,
                DesiredCapacity=0,
                LaunchTemplate={"LaunchTemplateName": "forescale-demo-t3.small"},
                AvailabilityZones=["eu-west-1a"],
            )
        actuators = [world.hub.actuator(name, AsgSettings(group=name)) for name in names]

        async def observe_all():
            await asyncio.gather(*(a.observe() for a in actuators))
            world.aws.requests.clear()
            return await asyncio.gather(*(a.observe() for a in actuators))

        fleets = asyncio.run(observe_all())
        assert len(fleets) == 120
        described = world.aws.calls("DescribeAutoScalingGroups")
        assert sorted(len(r.parameters["AutoScalingGroupNames"]) for r in described) == [20, 100]
        assert all(r.parameters["MaxRecords"] == 100 for r in described)

    def test_regions_do_not_share_a_call(self, world):
        async def observe_both():
            here, there = (
                world.hub.actuator(region, AsgSettings(group="web", region=region))
                for region in ("eu-west-1", "us-east-1")
            )
            return await asyncio.gather(here.observe(), there.observe(), return_exceptions=True)

        fleet, error = asyncio.run(observe_both())
        assert fleet.desired == 2
        assert isinstance(error, NotFound)
        assert "us-east-1" in error.message

    def test_observing_writes_nothing(self, world):
        world.hook()
        world.aws.requests.clear()
        for _ in range(5):
            world.observe()
            world.pass_time(600)
        assert world.aws.writes() == []


class TestLeadTime:
    def test_is_learned_from_scaling_activities(self, world):
        assert world.observe().lead_time == LeadTime(120.0, 2)

    def test_is_seen_without_activities(self, world):
        world.aws.faults.deny("DescribeScalingActivities")
        world.observe()
        world.set_desired(3)
        for _ in range(13):
            world.pass_time(10)
            fleet = world.observe()
        assert fleet.in_service == 3
        assert fleet.lead_time == LeadTime(120.0, 1)

    def test_follows_the_slower_launches(self, clock):
        times = iter([100.0, 100.0, 200.0, 300.0])
        with LocalAws(clock, boot_delay=lambda: next(times)) as aws:
            clients = aws.clients()
            world = World(aws, clients, clock)
            assert world.observe().lead_time == LeadTime(100.0, 2)
            world.set_desired(4)
            world.observe()
            world.pass_time(300)
            assert world.observe().lead_time == LeadTime(300.0, 4)
            clients.close()

    def test_failed_and_cancelled_launches_teach_nothing(self, world):
        world.observe()
        world.aws.starve("web")
        world.set_desired(5)
        world.pass_time(70)
        world.observe()
        world.aws.feed("web")
        world.observe()
        world.pass_time(50)
        world.set_desired(2)
        world.set_desired(3)
        world.pass_time(120)
        activities = world.asg.describe_scaling_activities(AutoScalingGroupName="web")["Activities"]
        assert {a["StatusCode"] for a in activities} == {"Successful", "Failed", "Cancelled"}
        assert world.observe().lead_time == LeadTime(120.0, 3)


class TestInstances:
    def test_know_since_when_they_serve(self, world):
        begun = world.clock.now()
        world.observe()
        world.set_desired(3)
        for _ in range(13):
            world.pass_time(10)
            world.observe()
        since = sorted(ref.serving_since for ref in world.actuator.instances())
        assert since == [begun, begun, begun + 120]
        assert sorted(ref.id for ref in world.actuator.instances()) == world.ids()

    def test_of_before_our_time_it_is_not_known_without_activities(self, world):
        world.aws.faults.deny("DescribeScalingActivities")
        world.observe()
        assert [ref.serving_since for ref in world.actuator.instances()] == [None, None]

    def test_those_that_leave_are_gone(self, world):
        world.observe()
        world.set_desired(1)
        world.observe()
        assert [ref.id for ref in world.actuator.instances()] == world.ids()


def test_a_wrong_region_is_found_at_the_first_look(aws, clock):
    aws.create_group("web")
    settings = aws.settings.model_copy(update={"region": "us-west-2"})
    clients = Clients(settings, writable=False, credentials=CREDENTIALS)
    actuator = AsgHub(clients, clock).actuator("web", AsgSettings(group="web"))
    with pytest.raises(NotFound, match="'web' not found in us-west-2"):
        asyncio.run(actuator.observe())
    clients.close()
