"""A group and forescale beside it, on a local AWS."""

import asyncio

from forescale.actuators import AsgHub, AsgSettings
from forescale.model.decision import Direction
from forescale.model.effect import Action


class World:
    """A group `web` of 1 to 10 instances, 2 of them in service, and forescale beside it."""

    def __init__(self, aws, clients, clock, **settings):
        self.aws, self.clients, self.clock = aws, clients, clock
        self.asg = clients.client("autoscaling")
        aws.create_group("web", minimum=1, maximum=10, desired=2)
        self.hub = AsgHub(clients, clock)
        self.actuator = self.hub.actuator("web", AsgSettings(group="web", **settings))
        aws.requests.clear()

    def observe(self):
        return asyncio.run(self.actuator.observe())

    def action(self, previous, desired, *, age=60.0, number=1):
        direction = Direction.OUT if desired > previous else Direction.IN
        now = self.clock.now()
        return Action(f"web-{number}", "web", direction, previous, desired, now, now + age)

    def apply(self, previous, desired, **options):
        return asyncio.run(self.actuator.apply(self.action(previous, desired, **options)))

    def set_desired(self, desired):
        self.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=desired)

    def group(self):
        return self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])["AutoScalingGroups"][0]

    def desired(self):
        return self.group()["DesiredCapacity"]

    def ids(self, state="InService"):
        return sorted(i["InstanceId"] for i in self.group()["Instances"] if i["LifecycleState"] == state)

    def pass_time(self, seconds):
        self.clock.advance(self.clock.now() + seconds)

    def hook(self):
        self.asg.put_lifecycle_hook(
            LifecycleHookName="drain",
            AutoScalingGroupName="web",
            LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
            HeartbeatTimeout=3600,
        )
