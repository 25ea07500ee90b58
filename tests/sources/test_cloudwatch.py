"""The CloudWatch source against a local AWS over HTTP."""

import asyncio

import pytest

from forescale.model.errors import AdapterError, Denied, Throttled
from forescale.model.sample import InstanceRef, Sample, Unit, Window
from forescale.series.combine import combine
from forescale.sources import CloudWatchHub, CloudWatchSignal

CPU = "AWS/EC2 CPUUtilization"
GROUP = {"AutoScalingGroupName": "web"}


class World:
    """CloudWatch, a hub, and a clock; `back` buckets ago is `now - 60 * back`."""

    def __init__(self, aws, clients, clock):
        self.aws, self.clock = aws, clock
        self.hub = CloudWatchHub(clients)

    def source(self, target="web", group="web", **signals):
        return self.hub.source(target, group, {n: CloudWatchSignal(**s) for n, s in signals.items()})

    def put(self, value, back=1, metric=CPU, **dimensions):
        time = self.clock.now() - 60 * back
        self.aws.put_metric(metric, value, time=time, dimensions=dimensions or GROUP)

    def window(self, seconds=600.0, instances=()):
        return Window(self.clock.now() - seconds, self.clock.now(), tuple(instances))

    def read(self, source, **options):
        return list(asyncio.run(source.read(self.window(**options))))

    def values(self, source, **options):
        found = {}
        for s in self.read(source, **options):
            key = (s.signal, s.instance) if s.instance else s.signal
            found.setdefault(key, []).append(s.value)
        return found

    def pass_time(self, seconds):
        self.clock.advance(self.clock.now() + seconds)

    def calls(self):
        return self.aws.calls("GetMetricData")

    def asked(self):
        """How many metrics were asked for: what AWS bills."""
        return sum(len(call.parameters["MetricDataQueries"]) for call in self.calls())


@pytest.fixture
def world(aws, clients, clock):
    return World(aws, clients, clock)


class TestGroup:
    def test_the_groups_own_cpu_is_the_default(self, world):
        world.put(40.0, back=2)
        world.put(60.0, back=1)
        now = world.clock.now()
        assert world.read(world.source(cpu={})) == [
            Sample("cpu", now - 120, 40.0, Unit.PERCENT, "cloudwatch"),
            Sample("cpu", now - 60, 60.0, Unit.PERCENT, "cloudwatch"),
        ]

    def test_any_metric_statistic_dimension_and_unit(self, world):
        for value in (1.0, 2.0, 9.0):
            world.put(value, metric="AWS/SQS ApproximateAgeOfOldestMessage", QueueName="jobs")
        age = {
            "metric": "AWS/SQS ApproximateAgeOfOldestMessage",
            "dimensions": {"QueueName": "jobs"},
            "unit": "seconds",
        }
        source = world.source(
            worst={**age, "statistic": "Maximum"},
            total={**age, "statistic": "Sum"},
            p50={**age, "statistic": "p50"},
            count={**age, "statistic": "SampleCount"},
        )
        assert world.values(source) == {"worst": [9.0], "total": [12.0], "p50": [2.0], "count": [3.0]}
        assert world.read(source)[0].unit is Unit.SECONDS

    def test_metric_names_may_hold_spaces_and_groups_placeholders(self, world):
        world.put(7.0, metric="My/App Jobs in flight", Group="web-workers")
        source = world.source(
            jobs={"metric": "My/App Jobs in flight", "dimensions": {"Group": "{group}-workers"}}
        )
        assert world.values(source) == {"jobs": [7.0]}

    def test_an_expression_over_named_metrics(self, world):
        world.put(300.0, metric="AWS/ApplicationELB RequestCount", LoadBalancer="app/web/1")
        world.put(6.0, metric="AWS/ApplicationELB HTTPCode_Target_5XX_Count", LoadBalancer="app/web/1")
        elb = {"dimensions": {"LoadBalancer": "app/web/1"}, "statistic": "Sum"}
        source = world.source(
            errors={
                "expression": "100 * FILL(bad, 0) / all",
                "metrics": {
                    "bad": {"metric": "AWS/ApplicationELB HTTPCode_Target_5XX_Count", **elb},
                    "all": {"metric": "AWS/ApplicationELB RequestCount", **elb},
                },
            },
            rate={
                "expression": "all / PERIOD(all)",
                "metrics": {"all": {"metric": "AWS/ApplicationELB RequestCount", **elb}},
                "unit": "per_second",
            },
        )
        assert world.values(source) == {"errors": [2.0], "rate": [5.0]}

    def test_an_absent_bucket_is_left_out(self, world):
        world.put(40.0, back=4)
        world.put(60.0, back=1)
        assert world.values(world.source(cpu={})) == {"cpu": [40.0, 60.0]}

    def test_a_real_zero_is_zero(self, world):
        world.put(0.0)
        assert world.values(world.source(cpu={})) == {"cpu": [0.0]}

    def test_no_data_at_all_is_no_samples(self, world):
        assert world.read(world.source(cpu={})) == []

    def test_the_bucket_under_way_is_not_looked_at(self, world):
        world.put(60.0, back=1)
        world.aws.put_metric(CPU, 10.0, time=world.clock.now(), dimensions=GROUP)
        world.pass_time(30)
        assert world.values(world.source(cpu={})) == {"cpu": [60.0]}

    def test_wider_buckets(self, world):
        for back in range(1, 11):
            world.put(float(back), back=back)
        assert world.values(world.source(cpu={"period": "5m"})) == {"cpu": [8.0, 3.0]}

    def test_another_region(self, world):
        world.aws.put_metric(CPU, 5.0, time=world.clock.now() - 60, dimensions=GROUP, region="us-east-1")
        source = world.hub.source("web", "web", {"cpu": CloudWatchSignal()}, region="us-east-1")
        assert world.values(source) == {"cpu": [5.0]}


class TestLate:
    def test_a_late_bucket_comes_when_it_is_there(self, world):
        source = world.source(cpu={})
        world.put(50.0, back=2)
        assert world.values(source) == {"cpu": [50.0]}
        world.pass_time(10)
        world.aws.put_metric(CPU, 70.0, time=world.clock.now() - 70, dimensions=GROUP)
        assert world.values(source) == {"cpu": [50.0, 70.0]}

    def test_a_bucket_that_changes_is_given_its_new_value(self, world):
        source = world.source(cpu={})
        world.put(50.0)
        assert world.values(source) == {"cpu": [50.0]}
        world.put(70.0)
        world.pass_time(60)
        world.put(80.0)
        assert world.values(source) == {"cpu": [60.0, 80.0]}

    def test_an_outage_is_caught_up(self, world):
        source = world.source(cpu={})
        world.put(50.0)
        world.read(source)
        world.aws.faults.fail("GetMetricData", "InternalFailure", "down", status=500, times=None)
        world.pass_time(300)
        for back in range(1, 6):
            world.put(float(back), back=back)
        with pytest.raises(AdapterError):
            world.read(source)
        world.aws.faults.clear()
        assert world.values(source) == {"cpu": [50.0, 5.0, 4.0, 3.0, 2.0, 1.0]}

    def test_the_whole_window_is_answered_each_time(self, world):
        source = world.source(cpu={})
        for back in range(1, 6):
            world.put(float(back), back=back)
        assert world.read(source) == world.read(source)


class TestInstances:
    INSTANCES = (InstanceRef("i-1"), InstanceRef("i-2"), InstanceRef("i-3"))

    def put_each(self, world, *values, back=1):
        for ref, value in zip(self.INSTANCES, values, strict=False):
            if value is not None:
                world.put(value, back=back, InstanceId=ref.id)

    def test_each_instance_is_read_and_combined(self, world):
        self.put_each(world, 10.0, 20.0, 60.0)
        source = world.source(
            mean={"per": "instance"},
            high={"per": "instance", "statistic": "Maximum"},
            low={"per": "instance"},
        )
        samples = world.read(source, instances=self.INSTANCES)
        found = {}
        for signal, how in (("mean", "mean"), ("high", "max"), ("low", "min")):
            (combined,) = combine([s for s in samples if s.signal == signal], how)
            found[signal] = combined.value
        assert found == {"mean": 30.0, "high": 60.0, "low": 10.0}

    def test_a_silent_instance_is_there_without_a_value(self, world):
        self.put_each(world, 10.0, None, 60.0)
        source = world.source(cpu={"per": "instance"})
        assert world.values(source, instances=self.INSTANCES) == {
            ("cpu", "i-1"): [10.0],
            ("cpu", "i-2"): [None],
            ("cpu", "i-3"): [60.0],
        }

    def test_where_all_are_silent_there_is_nothing(self, world):
        assert world.read(world.source(cpu={"per": "instance"}), instances=self.INSTANCES) == []

    def test_without_instances_there_is_nothing_and_no_call(self, world):
        self.put_each(world, 10.0)
        assert world.read(world.source(cpu={"per": "instance"})) == []
        assert world.calls() == []

    def test_an_instance_not_yet_warm_is_left_out_with_what_it_said_before(self, world):
        now = world.clock.now()
        instances = (InstanceRef("i-1", now - 3600), InstanceRef("i-2", now - 90))
        for back in (1, 2, 3):
            world.put(10.0, back=back, InstanceId="i-1")
            world.put(99.0, back=back, InstanceId="i-2")
        source = world.source(cpu={"per": "instance", "warm_up": "2m"})
        assert world.values(source, instances=instances) == {("cpu", "i-1"): [10.0] * 3}
        world.pass_time(120)
        for back in (1, 2):
            world.put(20.0, back=back, InstanceId="i-1")
            world.put(30.0, back=back, InstanceId="i-2")
        values = world.values(source, instances=instances)
        assert values["cpu", "i-1"] == [10.0] * 3 + [20.0] * 2
        assert values["cpu", "i-2"] == [30.0]

    def test_an_instance_that_left_keeps_its_past(self, world):
        self.put_each(world, 10.0, 20.0, back=2)
        source = world.source(cpu={"per": "instance"})
        before = world.values(source, instances=self.INSTANCES[:2])
        world.put(30.0, back=1, InstanceId="i-1")
        after = world.values(source, instances=self.INSTANCES[:1])
        assert before == {("cpu", "i-1"): [10.0], ("cpu", "i-2"): [20.0]}
        assert after["cpu", "i-2"] == [20.0]
        assert ("cpu", "i-2") not in world.values(source, seconds=60.0, instances=self.INSTANCES[:1])

    def test_memory_of_the_agent_with_all_its_dimensions(self, world):
        world.put(71.0, metric="CWAgent mem_used_percent", InstanceId="i-1", AutoScalingGroupName="web")
        source = world.source(
            memory={
                "metric": "CWAgent mem_used_percent",
                "dimensions": {"InstanceId": "{instance}", "AutoScalingGroupName": "{group}"},
                "per": "instance",
            }
        )
        assert world.values(source, instances=self.INSTANCES[:1]) == {("memory", "i-1"): [71.0]}


class TestCost:
    def test_the_seven_metrics_of_forty_instances_in_one_call(self, world):
        names = ("CPUUtilization", "NetworkIn", "NetworkOut", "DiskReadBytes", "DiskWriteBytes")
        names += ("NetworkPacketsIn", "NetworkPacketsOut")
        signals = {
            f"{name}_{kind}": {"metric": f"AWS/EC2 {name}", "per": "instance", **options}
            for name in names
            for kind, options in (
                ("value", {"combine": "mean"}),
                ("max_value", {"statistic": "Maximum", "combine": "max"}),
                ("min_value", {"combine": "min"}),
            )
        }
        instances = [InstanceRef(f"i-{n:02}") for n in range(35)]
        world.read(world.source(**signals), instances=instances)
        assert len(world.calls()) == 1
        assert world.asked() == 7 * 2 * 35  # mean and min are the same question

    def test_no_question_before_there_can_be_an_answer(self, world):
        source = world.source(cpu={})
        for _ in range(60):
            world.read(source)
            world.pass_time(10)
            if world.clock.now() % 60 == 0:
                world.put(50.0)
        assert len(world.calls()) <= 12
        world.pass_time(10)

    def test_many_targets_share_calls_of_at_most_500(self, world):
        sources = [
            world.source(f"t{n}", f"g{n}", cpu={}, net={"metric": "AWS/EC2 NetworkIn"}) for n in range(300)
        ]

        async def read_all():
            await asyncio.gather(*(s.read(world.window()) for s in sources))

        asyncio.run(read_all())
        sizes = [len(call.parameters["MetricDataQueries"]) for call in world.calls()]
        assert sorted(sizes) == [100, 500]

    def test_the_same_series_is_asked_for_once(self, world):
        world.put(50.0)
        sources = [world.source(f"t{n}", "web", cpu={}, load={}) for n in range(3)]

        async def read_all():
            return await asyncio.gather(*(s.read(world.window()) for s in sources))

        for samples in asyncio.run(read_all()):
            assert [s.value for s in samples] == [50.0, 50.0]
        assert world.asked() == 1

    def test_a_long_history_does_not_widen_everybodys_window(self, world):
        long, short = world.source("a", "a", cpu={}), world.source("b", "b", cpu={})

        async def read_both():
            await asyncio.gather(long.read(world.window(14 * 86400.0)), short.read(world.window(600.0)))

        asyncio.run(read_both())
        spans = sorted(c.parameters["EndTime"] - c.parameters["StartTime"] for c in world.calls())
        assert spans == [600.0, 14 * 86400.0]

    def test_pages_are_followed(self, world):
        for back in range(1, 31):
            world.put(float(back), back=back)
        world.aws.metrics.page = 7
        values = world.values(world.source(cpu={}), seconds=1800.0)
        assert values == {"cpu": [float(back) for back in range(30, 0, -1)]}
        assert len(world.calls()) == 5


class TestFailures:
    def test_one_targets_bad_question_fails_no_other(self, world):
        for n in range(20):
            world.aws.put_metric(
                CPU, float(n), time=world.clock.now() - 60, dimensions={"AutoScalingGroupName": f"g{n}"}
            )
        good = [world.source(f"t{n}", f"g{n}", cpu={}) for n in range(20)]
        bad = world.source("bad", "bad", cpu={"expression": "LAG(1)"})

        async def read_all():
            reads = [s.read(world.window()) for s in (*good[:10], bad, *good[10:])]
            return await asyncio.gather(*reads, return_exceptions=True)

        results = asyncio.run(read_all())
        assert isinstance(results.pop(10), AdapterError)
        assert [[s.value for s in r] for r in results] == [[float(n)] for n in range(20)]

    def test_one_signals_failure_leaves_the_targets_others(self, world):
        world.put(50.0)
        source = world.source(cpu={}, bad={"expression": "LAG(1)"})
        assert world.values(source) == {"cpu": [50.0]}
        (error,) = source.errors
        assert error.startswith("bad: ")
        assert "LAG" in error

    def test_a_rejected_question_is_not_repeated_within_its_period(self, world):
        source = world.source(bad={"expression": "LAG(1)"})
        for _ in range(6):
            with pytest.raises(AdapterError, match="LAG"):
                world.read(source)
            world.pass_time(9)
        assert len(world.calls()) == 1

    def test_throttling_raises_throttled_and_nothing_is_lost(self, world):
        world.put(50.0)
        world.aws.faults.throttle("GetMetricData", times=None)
        source = world.source(cpu={})
        with pytest.raises(Throttled):
            world.read(source)
        world.aws.faults.clear()
        world.pass_time(1)
        assert world.values(source) == {"cpu": [50.0]}

    def test_a_denial_says_what_to_allow(self, world):
        world.aws.faults.deny("GetMetricData")
        with pytest.raises(Denied) as caught:
            world.read(world.source(cpu={}))
        assert "cloudwatch:GetMetricData" in caught.value.hint

    def test_nothing_is_written(self, world):
        world.read(world.source(cpu={}))
        assert world.aws.writes() == []
