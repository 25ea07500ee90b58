"""What the actuator does to an Auto Scaling Group, over HTTP."""

import asyncio
import time

import pytest
from asg_world import World
from pydantic import ValidationError

from forescale.actuators import AsgHub, AsgSettings
from forescale.model.effect import Done, NoOp, Refused, Retry
from forescale.model.errors import Unavailable


class TestApply:
    def test_sets_the_desired_capacity_ignoring_the_groups_own_cooldown(self, world):
        assert world.apply(2, 4) == Done("web-1", 4)
        (write,) = world.aws.writes()
        assert write.operation == "SetDesiredCapacity"
        assert write.parameters == {
            "AutoScalingGroupName": "web",
            "DesiredCapacity": 4,
            "HonorCooldown": False,
        }
        assert world.desired() == 4

    def test_scales_in(self, world):
        assert world.apply(2, 1) == Done("web-1", 1)
        assert world.desired() == 1

    def test_twice_is_once(self, world):
        first, second = world.apply(2, 4), world.apply(2, 4)
        assert first == second == Done("web-1", 4)
        assert len(world.aws.writes()) == 1

    def test_a_foreign_write_is_respected(self, world):
        world.set_desired(5)
        outcome = world.apply(2, 4)
        assert outcome == Refused(
            "web-1",
            "foreign write: the desired capacity of web is 5 now, not 2 as when this was decided",
        )
        assert world.desired() == 5

    @pytest.mark.parametrize(("previous", "desired"), [(2, 11), (2, 0)])
    def test_the_groups_own_bounds_are_respected_in_words(self, world, previous, desired):
        outcome = world.apply(previous, desired)
        assert outcome == Refused("web-1", f"{desired} is outside the group's own bounds: min 1, max 10")
        assert world.aws.writes() == []

    def test_too_late_is_refused_without_a_call(self, world):
        action = world.action(2, 3, age=60.0)
        world.pass_time(61)
        outcome = asyncio.run(world.actuator.apply(action))
        assert isinstance(outcome, Refused)
        assert "too late by 1s" in outcome.why
        assert world.aws.requests == []

    def test_a_dry_run_makes_no_call(self, aws, clients, reader, clock):
        world = World(aws, clients, clock)
        dry = AsgHub(reader, clock).actuator("web", AsgSettings(group="web"))
        outcome = asyncio.run(dry.apply(world.action(2, 3)))
        assert outcome == NoOp("web-1", "dry run: would set web from 2 to 3")
        assert aws.requests == []

    @pytest.mark.parametrize("operation", ["DescribeAutoScalingGroups", "SetDesiredCapacity"])
    def test_throttling_is_to_be_retried(self, world, operation):
        world.aws.faults.throttle(operation, times=None)
        outcome = world.apply(2, 3)
        assert isinstance(outcome, Retry)
        assert outcome.after == 1.0
        world.aws.faults.clear()
        assert world.desired() == 2

    @pytest.mark.parametrize(
        ("code", "status"),
        [("ScalingActivityInProgress", 400), ("ResourceContention", 500)],
    )
    def test_a_busy_group_is_to_be_retried(self, world, code, status):
        world.aws.faults.fail("SetDesiredCapacity", code, "busy", status=status, times=None)
        outcome = world.apply(2, 3)
        assert isinstance(outcome, Retry)
        assert outcome.after > 0
        assert "busy" in outcome.why

    def test_a_write_that_may_have_arrived_has_no_outcome(self, world):
        world.aws.faults.fail("SetDesiredCapacity", "InternalFailure", "lost", status=500, times=None)
        with pytest.raises(Unavailable, match="lost"):
            world.apply(2, 3)

    def test_trouble_before_the_write_is_to_be_retried(self, world):
        world.aws.faults.fail("DescribeAutoScalingGroups", "InternalFailure", "down", status=500, times=None)
        assert isinstance(world.apply(2, 3), Retry)
        assert world.aws.writes() == []

    def test_a_denial_is_refused_with_what_would_help(self, world):
        world.aws.faults.deny("SetDesiredCapacity")
        outcome = world.apply(2, 3)
        assert isinstance(outcome, Refused)
        assert "allow autoscaling:SetDesiredCapacity" in outcome.why

    def test_a_group_that_has_gone_is_refused(self, world):
        world.asg.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
        outcome = world.apply(2, 3)
        assert isinstance(outcome, Refused)
        assert "not found in eu-west-1" in outcome.why

    def test_what_aws_rejects_is_refused(self, world):
        world.aws.faults.fail("SetDesiredCapacity", "ValidationError", "no such thing", times=None)
        outcome = world.apply(2, 3)
        assert isinstance(outcome, Refused)
        assert "no such thing" in outcome.why

    def test_a_write_whose_answer_was_lost_is_found_done(self, world):
        """The write arrives and the answer does not: the next attempt sees it was done."""
        world.set_desired(4)
        world.aws.requests.clear()
        assert world.apply(2, 4) == Done("web-1", 4)
        assert world.aws.writes() == []


class TestLifecycle:
    @pytest.fixture
    def world(self, aws, clients, clock):
        world = World(aws, clients, clock, scale_in={"how": "lifecycle", "hook": "drain", "drain": "90s"})
        world.set_desired(4)
        world.pass_time(120)
        world.hook()
        world.aws.requests.clear()
        world.observe()
        return world

    def test_terminates_through_the_group_and_counts_as_draining(self, world):
        assert world.apply(4, 2) == Done("web-1", 2)
        assert [w.operation for w in world.aws.writes()] == ["TerminateInstanceInAutoScalingGroup"] * 2
        assert all(w.parameters["ShouldDecrementDesiredCapacity"] for w in world.aws.writes())
        fleet = world.observe()
        assert (fleet.desired, fleet.in_service, fleet.draining) == (2, 2, 2)

    def test_scale_out_is_by_desired(self, world):
        world.apply(4, 5)
        assert [w.operation for w in world.aws.writes()] == ["SetDesiredCapacity"]

    def test_protected_instances_are_not_chosen(self, world):
        protected = world.ids()[:2]
        world.asg.set_instance_protection(
            AutoScalingGroupName="web", InstanceIds=protected, ProtectedFromScaleIn=True
        )
        world.observe()
        world.apply(4, 2)
        assert world.ids() == protected
        outcome = world.apply(2, 1)
        assert isinstance(outcome, Refused)
        assert "only 0 instances in service are not protected" in outcome.why

    def test_after_the_drain_the_hook_is_completed_behind_the_loop(self, world):
        world.apply(4, 3)
        world.observe()
        world.pass_time(89)

        async def observe_and_settle():
            fleet = await world.actuator.observe()
            await asyncio.sleep(0.2)
            return fleet

        assert asyncio.run(observe_and_settle()).draining == 1
        assert world.aws.calls("CompleteLifecycleAction") == []
        world.pass_time(1)
        assert asyncio.run(observe_and_settle()).draining == 1
        (completed,) = world.aws.calls("CompleteLifecycleAction")
        assert completed.parameters["LifecycleActionResult"] == "CONTINUE"
        assert world.observe().draining == 0
        assert len(world.group()["Instances"]) == 3

    def test_a_completion_that_fails_is_tried_again(self, world):
        world.apply(4, 3)
        world.observe()
        world.pass_time(90)
        world.aws.faults.fail("CompleteLifecycleAction", "ValidationError", "not now", times=1)

        async def observe_thrice():
            for _ in range(3):
                fleet = await world.actuator.observe()
                await asyncio.sleep(0.2)
            return fleet

        assert asyncio.run(observe_thrice()).draining == 0
        assert len(world.aws.calls("CompleteLifecycleAction")) == 2

    def test_a_slow_completion_holds_nothing_up(self, world):
        world.apply(4, 3)
        world.observe()
        world.pass_time(90)
        world.aws.faults.slow("CompleteLifecycleAction", 0.5, times=1)

        async def observe_twice():
            await world.actuator.observe()
            begun = time.monotonic()
            await world.actuator.observe()
            took = time.monotonic() - begun
            await asyncio.sleep(0.8)
            return took

        assert asyncio.run(observe_twice()) < 0.4
        assert len(world.aws.calls("CompleteLifecycleAction")) == 1

    def test_half_done_before_a_crash_it_is_finished(self, world):
        action = world.action(4, 2)
        world.asg.terminate_instance_in_auto_scaling_group(
            InstanceId=world.ids()[0], ShouldDecrementDesiredCapacity=True
        )
        restarted = world.hub.actuator("web", world.actuator._settings)
        assert asyncio.run(restarted.apply(action)) == Done("web-1", 2)
        assert world.desired() == 2
        assert len(world.ids()) == 2

    def test_throttled_at_the_first_it_is_to_be_retried(self, world):
        world.aws.faults.throttle("TerminateInstanceInAutoScalingGroup", times=None)
        assert isinstance(world.apply(4, 2), Retry)
        assert world.desired() == 4

    def test_interrupted_between_two_it_has_no_outcome_and_goes_on_from_there(self, world):
        world.aws.faults.throttle("TerminateInstanceInAutoScalingGroup", times=None, skip=1)
        with pytest.raises(Unavailable, match="1 of 2 terminated"):
            world.apply(4, 2)
        assert world.desired() == 3
        world.aws.faults.clear()
        world.pass_time(1)
        assert world.apply(4, 2) == Done("web-1", 2)
        assert world.desired() == 2
        assert len(world.ids()) == 2

    def test_a_dry_run_completes_nothing(self, world, reader):
        world.apply(4, 3)
        dry = AsgHub(reader, world.clock).actuator("web", world.actuator._settings)
        world.aws.requests.clear()

        async def watch():
            await dry.observe()
            world.pass_time(1000)
            await dry.observe()
            await asyncio.sleep(0.1)

        asyncio.run(watch())
        assert world.aws.writes() == []


@pytest.mark.parametrize(
    "wrong",
    [{}, {"group": ""}, {"group": "web", "scale_in": {"how": "kill"}}, {"group": "web", "regoin": "x"}],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        AsgSettings(**wrong)
