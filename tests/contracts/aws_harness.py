"""The adapters of AWS, for the contracts: beside a local AWS over HTTP."""

from forescale.actuators import ACTUATORS
from forescale.sources import SOURCES

FAILURES = {
    "down": ("InternalFailure", 500),
    "throttled": ("Throttling", 400),
    "denied": ("AccessDenied", 403),
}


class AwsHarness:
    """A local AWS, its clock, and its failures."""

    def __init__(self, aws, clients, reader, clock):
        self.aws, self.clients, self.reader, self.clock = aws, clients, reader, clock

    @property
    def now(self):
        return self.clock.now()

    def pass_time(self, seconds):
        self.clock.advance(self.clock.now() + seconds)

    def fail(self, kind):
        code, status = FAILURES[kind]
        for operation in ("GetMetricData", "DescribeAutoScalingGroups", "SetDesiredCapacity"):
            self.aws.faults.fail(operation, code, kind, status=status, times=None)

    def recover(self):
        self.aws.faults.clear()

    def writes(self):
        return self.aws.writes()


class CloudWatchHarness(AwsHarness):
    """One metric of namespace `Test` per signal."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.hub = SOURCES["cloudwatch"](self.reader)

    def source(self, *signals):
        settings = {n: self.hub.settings(metric=f"Test {n}", dimensions={}) for n in signals}
        return self.hub.source("t", "web", settings)

    def publish(self, signal, time, value):
        self.aws.put_metric(f"Test {signal}", value, time=time)


class AsgHarness(AwsHarness):
    """A group `web`."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.hub = ACTUATORS["asg"](self.clients, self.clock)
        self.dry = ACTUATORS["asg"](self.reader, self.clock)
        self.aws.create_group("web", minimum=1, maximum=10, desired=2)
        self.aws.requests.clear()

    def actuator(self, *, writable=True, lost=False):
        hub = self.hub if writable else self.dry
        return hub.actuator("t", hub.settings(group="lost" if lost else "web"))

    def desired(self):
        asg = self.reader.client("autoscaling")
        (group,) = asg.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])["AutoScalingGroups"]
        return group["DesiredCapacity"]

    def set_desired(self, desired):
        asg = self.clients.client("autoscaling")
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=desired)
