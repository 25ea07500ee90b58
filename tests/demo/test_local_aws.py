"""The local AWS behaves as AWS where moto does not: checked with plain boto3 over HTTP."""

import datetime as dt

import pytest
from botocore.exceptions import ClientError

from forescale.demo.local_aws import LocalAws
from forescale.model.errors import ForescaleError

UTC = dt.UTC


def at(seconds):
    return dt.datetime.fromtimestamp(seconds, UTC)


@pytest.fixture
def asg(clients):
    return clients.client("autoscaling")


def group(asg, name="web"):
    return asg.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]


def states(asg, name="web"):
    return sorted(i["LifecycleState"] for i in group(asg, name)["Instances"])


def ids(asg, state, name="web"):
    return [i["InstanceId"] for i in group(asg, name)["Instances"] if i["LifecycleState"] == state]


def code_of(caught):
    return caught.value.response["Error"]["Code"]


def pass_time(clock, seconds):
    clock.advance(clock.now() + seconds)


class TestBoot:
    def test_a_group_created_booted_serves_at_once_and_was_launched_a_boot_time_ago(
        self, aws, asg, clients, clock
    ):
        aws.create_group("web", desired=2)
        assert states(asg) == ["InService", "InService"]
        launched = [
            i["LaunchTime"].timestamp()
            for r in clients.client("ec2").describe_instances()["Reservations"]
            for i in r["Instances"]
        ]
        assert launched == [clock.now() - 120] * 2

    def test_a_launch_is_pending_for_the_boot_time_of_the_given_clock(self, aws, asg, clock):
        aws.create_group("web", desired=1)
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
        assert states(asg) == ["InService", "Pending", "Pending"]
        pass_time(clock, 119)
        assert states(asg) == ["InService", "Pending", "Pending"]
        pass_time(clock, 1)
        assert states(asg) == ["InService"] * 3

    def test_each_launch_may_take_its_own_time(self, clock):
        times = iter([10.0, 60.0, 300.0])
        with LocalAws(clock, boot_delay=lambda: next(times)) as aws:
            clients = aws.clients()
            asg = clients.client("autoscaling")
            aws.create_group("web", desired=3, booted=False)
            seen = []
            for _ in range(4):
                seen.append(states(asg).count("InService"))
                pass_time(clock, 100)
            clients.close()
        assert seen == [0, 2, 2, 3]

    def test_launches_are_spread_over_the_zones(self, aws, asg):
        aws.create_group("web", desired=5, zones=("a", "b"))
        zones = [i["AvailabilityZone"] for i in group(asg)["Instances"]]
        assert sorted(zones.count(z) for z in set(zones)) == [2, 3]

    def test_activities_have_start_and_end_by_the_clock(self, aws, asg, clock):
        aws.create_group("web", desired=1)
        begun = clock.now()
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
        newest = asg.describe_scaling_activities(AutoScalingGroupName="web")["Activities"][0]
        assert newest["StatusCode"] == "InProgress"
        assert "EndTime" not in newest
        pass_time(clock, 500)
        newest = asg.describe_scaling_activities(AutoScalingGroupName="web")["Activities"][0]
        assert newest["StatusCode"] == "Successful"
        assert newest["StartTime"] == at(begun)
        assert newest["EndTime"] == at(begun + 120)
        assert newest["Description"] == f"Launching a new EC2 instance: {ids(asg, 'InService')[1]}"

    def test_activities_come_in_pages(self, aws, asg):
        aws.create_group("web", desired=5)
        first = asg.describe_scaling_activities(AutoScalingGroupName="web", MaxRecords=3)
        rest = asg.describe_scaling_activities(AutoScalingGroupName="web", NextToken=first["NextToken"])
        seen = [a["ActivityId"] for a in first["Activities"] + rest["Activities"]]
        assert len(first["Activities"]) == 3
        assert len(set(seen)) == 5


class TestDesired:
    @pytest.mark.parametrize(("desired", "words"), [(6, "above max value 5"), (0, "below min value 1")])
    def test_outside_the_bounds_is_refused_and_changes_nothing(self, aws, asg, desired, words):
        aws.create_group("web", minimum=1, maximum=5, desired=2)
        with pytest.raises(ClientError, match=words) as caught:
            asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=desired)
        assert code_of(caught) == "ValidationError"
        assert group(asg)["DesiredCapacity"] == 2

    def test_scale_in_takes_who_boots_first_then_the_oldest_of_the_fullest_zone(self, aws, asg, clock):
        aws.create_group("web", desired=3, maximum=9, zones=("a", "b"))
        old = {i["InstanceId"]: i["AvailabilityZone"] for i in group(asg)["Instances"]}
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=5)
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
        left = ids(asg, "InService")
        assert len(left) == 2
        assert {old[i][-1] for i in left} == {"a", "b"}
        assert set(left) < set(old)
        cancelled = asg.describe_scaling_activities(AutoScalingGroupName="web")["Activities"]
        assert sum(a["StatusCode"] == "Cancelled" for a in cancelled) == 2

    def test_protected_instances_stay(self, aws, asg):
        aws.create_group("web", desired=3)
        protected = ids(asg, "InService")[:2]
        asg.set_instance_protection(
            AutoScalingGroupName="web", InstanceIds=protected, ProtectedFromScaleIn=True
        )
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
        assert sorted(ids(asg, "InService")) == sorted(protected)

    def test_new_bounds_move_the_desired_capacity_through_boot_and_all(self, aws, asg):
        aws.create_group("web", minimum=1, maximum=5, desired=1)
        asg.update_auto_scaling_group(AutoScalingGroupName="web", MinSize=3, MaxSize=4)
        found = group(asg)
        assert (found["MinSize"], found["MaxSize"], found["DesiredCapacity"]) == (3, 4, 3)
        assert states(asg) == ["InService", "Pending", "Pending"]

    def test_suspended_processes_do_nothing(self, aws, asg):
        aws.create_group("web", desired=2)
        asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch", "Terminate"])
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
        assert states(asg) == ["InService"] * 2
        asg.resume_processes(AutoScalingGroupName="web")
        assert states(asg) == ["InService"] * 2 + ["Pending"] * 2

    def test_an_instance_lost_behind_the_groups_back_is_replaced_through_a_boot(
        self, aws, asg, clients, clock
    ):
        aws.create_group("web", desired=2)
        clients.client("ec2").terminate_instances(InstanceIds=ids(asg, "InService")[:1])
        assert states(asg) == ["InService", "Pending"]
        pass_time(clock, 120)
        assert states(asg) == ["InService"] * 2

    def test_ec2_forgets_a_terminated_instance_after_an_hour(self, aws, asg, clients, clock):
        aws.create_group("web", desired=2)
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
        ec2 = clients.client("ec2")

        def count():
            return sum(len(r["Instances"]) for r in ec2.describe_instances()["Reservations"])

        assert count() == 2
        pass_time(clock, 3601)
        assert count() == 1


class TestLifecycle:
    @pytest.fixture
    def hooked(self, aws, asg):
        aws.create_group("web", desired=3)
        asg.put_lifecycle_hook(
            LifecycleHookName="drain",
            AutoScalingGroupName="web",
            LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
            HeartbeatTimeout=600,
        )

    def terminate(self, asg, decrement=True):
        victim = ids(asg, "InService")[0]
        asg.terminate_instance_in_auto_scaling_group(
            InstanceId=victim, ShouldDecrementDesiredCapacity=decrement
        )
        return victim

    def test_an_instance_waits_in_the_hook_until_it_is_completed(self, hooked, asg, clock):
        victim = self.terminate(asg)
        assert group(asg)["DesiredCapacity"] == 2
        pass_time(clock, 599)
        assert ids(asg, "Terminating:Wait") == [victim]
        asg.complete_lifecycle_action(
            LifecycleHookName="drain",
            AutoScalingGroupName="web",
            InstanceId=victim,
            LifecycleActionResult="CONTINUE",
        )
        assert states(asg) == ["InService"] * 2

    def test_the_hook_times_out(self, hooked, asg, clock):
        self.terminate(asg)
        pass_time(clock, 600)
        assert states(asg) == ["InService"] * 2

    def test_a_heartbeat_prolongs_the_wait(self, hooked, asg, clock):
        victim = self.terminate(asg)
        pass_time(clock, 400)
        asg.record_lifecycle_action_heartbeat(
            LifecycleHookName="drain", AutoScalingGroupName="web", InstanceId=victim
        )
        pass_time(clock, 400)
        assert ids(asg, "Terminating:Wait") == [victim]

    def test_without_decrement_a_replacement_boots(self, hooked, asg):
        self.terminate(asg, decrement=False)
        assert states(asg) == ["InService", "InService", "Pending", "Terminating:Wait"]

    def test_scale_in_by_desired_waits_too(self, hooked, asg):
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
        assert states(asg) == ["InService", "Terminating:Wait", "Terminating:Wait"]

    def test_completing_what_does_not_wait_is_an_error(self, hooked, asg):
        with pytest.raises(ClientError, match="No active Lifecycle Action"):
            asg.complete_lifecycle_action(
                LifecycleHookName="drain",
                AutoScalingGroupName="web",
                InstanceId=ids(asg, "InService")[0],
                LifecycleActionResult="CONTINUE",
            )

    def test_the_minimum_is_kept(self, aws, asg):
        aws.create_group("web", minimum=2, desired=2)
        with pytest.raises(ClientError, match=r"desiredSize equals minSize \(2\)"):
            self.terminate(asg)
        with pytest.raises(ClientError, match="No managed instance"):
            asg.terminate_instance_in_auto_scaling_group(
                InstanceId="i-00000000", ShouldDecrementDesiredCapacity=True
            )


class TestFaults:
    def test_insufficient_capacity_fails_launches_until_there_is_some(self, aws, asg, clock):
        aws.create_group("web", desired=1)
        aws.starve("web")
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
        pass_time(clock, 150)
        assert states(asg) == ["InService"]
        newest = asg.describe_scaling_activities(AutoScalingGroupName="web")["Activities"][0]
        assert newest["StatusCode"] == "Failed"
        assert "sufficient t3.small capacity" in newest["StatusMessage"]
        aws.feed("web")
        assert states(asg) == ["InService", "Pending"]

    @pytest.mark.parametrize("service", ["autoscaling", "ec2", "cloudwatch", "iam", "ssm"])
    def test_faults_speak_each_services_protocol(self, aws, clients, service):
        method, operation = {
            "autoscaling": ("describe_policies", "DescribePolicies"),
            "ec2": ("describe_instances", "DescribeInstances"),
            "cloudwatch": ("describe_alarms", "DescribeAlarms"),
            "iam": ("list_roles", "ListRoles"),
            "ssm": ("describe_parameters", "DescribeParameters"),
        }[service]
        aws.faults.deny(operation)
        with pytest.raises(ClientError, match=f"not authorized to perform: {operation}") as caught:
            getattr(clients.client(service), method)()
        assert code_of(caught) == "AccessDenied"
        aws.faults.clear()
        getattr(clients.client(service), method)()

    def test_a_fault_hits_as_often_as_asked(self, aws, asg):
        aws.faults.fail("DescribePolicies", "ValidationError", "x", times=2)
        for _ in range(2):
            with pytest.raises(ClientError):
                asg.describe_policies()
        asg.describe_policies()

    def test_the_log_has_operation_parameters_region_and_the_clocks_time(self, aws, clients, clock):
        asg = clients.client("autoscaling", "us-east-1")
        asg.describe_auto_scaling_groups(AutoScalingGroupNames=["a", "b"], MaxRecords=7)
        (request,) = aws.requests
        assert (request.service, request.operation) == ("autoscaling", "DescribeAutoScalingGroups")
        assert request.region == "us-east-1"
        assert request.parameters == {"AutoScalingGroupNames": ["a", "b"], "MaxRecords": 7}
        assert request.time == clock.now()
        assert aws.writes() == []

    def test_refreshes_can_be_shown(self, aws, asg):
        aws.create_group("web")
        assert asg.describe_instance_refreshes(AutoScalingGroupName="web")["InstanceRefreshes"] == []
        aws.refresh("web")
        (refresh,) = asg.describe_instance_refreshes(AutoScalingGroupName="web")["InstanceRefreshes"]
        assert refresh["Status"] == "InProgress"


class TestProcess:
    def test_one_at_a_time(self, aws, clock):
        with pytest.raises(ForescaleError, match="already running"), LocalAws(clock):
            pass

    def test_nothing_of_one_is_left_for_the_next(self, clock):
        for _ in range(2):
            with LocalAws(clock) as aws:
                aws.create_group("web")
                clients = aws.clients()
                groups = clients.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
                clients.close()
                assert len(groups) == 1

    def test_the_same_seed_gives_the_same_ids(self, clock):
        def run():
            with LocalAws(clock, seed=7) as aws:
                aws.create_group("web", desired=3)
                clients = aws.clients()
                found = ids(clients.client("autoscaling"), "InService")
                clients.close()
                return found

        assert run() == run()
