"""The past of a target, read back from a local AWS over HTTP."""

import asyncio
from datetime import UTC, datetime

import pytest

from aws_fixtures import START
from forescale.config import load
from forescale.demo.local_aws import LocalAws
from forescale.model.errors import Denied, NotFound, Throttled
from forescale.runtime.clock import VirtualClock
from forescale.runtime.history import pull_target
from forescale.sources.cloudwatch_history import PAGE

DAY, HOUR = 86400.0, 3600.0
CPU = "AWS/EC2 CPUUtilization"
GROUP = {"AutoScalingGroupName": "web"}
IN_SERVICE = "AWS/AutoScaling GroupInServiceInstances"


class HastyClock(VirtualClock):
    """Whoever would sleep finds that it is already later."""

    async def sleep_until(self, wake):
        self.advance(wake)


class World:
    def __init__(self, aws, clients, clock, folder):
        self.aws, self.clients, self.clock, self.folder = aws, clients, clock, folder

    def put(self, value, back, metric=CPU, **dimensions):
        """A datapoint so many seconds ago."""
        self.aws.put_metric(metric, value, time=self.clock.now() - back, dimensions=dimensions or GROUP)

    def pull(self, since=HOUR, *, text="", until=None, step=None, target="web", progress=None):
        file = self.folder / "forescale.yaml"
        file.write_text(text or "targets:\n  web: {group: web}\n")
        now = self.clock.now()
        return asyncio.run(
            pull_target(
                load(file), target, self.clients, self.clock,
                since=now - since, until=now if until is None else now - until, step=step, progress=progress,
            )
        )  # fmt: skip

    def asked(self):
        """(start, end, periods) of each GetMetricData, start and end as seconds ago."""
        now = self.clock.now()
        return [
            (
                now - _seconds(call.parameters["StartTime"]),
                now - _seconds(call.parameters["EndTime"]),
                {
                    q["MetricStat"]["Period"]
                    for q in call.parameters["MetricDataQueries"]
                    if "MetricStat" in q
                },
            )
            for call in self.aws.calls("GetMetricData")
        ]


def _seconds(time):
    if isinstance(time, datetime):
        return time.replace(tzinfo=time.tzinfo or UTC).timestamp()
    return float(time)


@pytest.fixture
def world(tmp_path):
    clock = HastyClock(START)
    with LocalAws(clock) as aws:
        clients = aws.clients(writable=False)
        yield World(aws, clients, clock, tmp_path)
        clients.close()


def test_signals_in_service_and_demand_on_one_grid_with_holes_where_nothing_is_known(world):
    for minute, (cpu, serving) in {5: (50.0, 4), 4: (60.0, 4), 2: (30.0, 6), 1: (0.0, 6)}.items():
        world.put(cpu, 60 * minute)
        world.put(serving, 60 * minute, IN_SERVICE)
    past = world.pull()
    assert past.times == tuple(START - 60.0 * minute for minute in (5, 4, 3, 2, 1))
    assert past.columns == {
        "cpu": (50.0, 60.0, None, 30.0, 0.0),
        "in_service": (4.0, 4.0, None, 6.0, 6.0),
        "demand": (2.0, 2.4, None, pytest.approx(1.8), 0.0),
    }
    assert past.step == 60.0
    assert past.known("cpu") == 4
    assert any("nothing is known of the first 55m" in note for note in past.notes)


@pytest.mark.parametrize(("every", "step"), [(60, 60.0), (60, 300.0), (300, 300.0)])
def test_without_the_number_in_service_those_that_report_are_counted_and_that_is_told(world, every, step):
    """Detailed monitoring sends a datapoint of each instance a minute, basic one in five."""
    for back in range(every, 3601, every):
        for _instance in range(3 if back > 1800 else 4):
            world.put(50.0, back)
    past = world.pull(step=step)
    assert list(past.columns) == ["cpu", "reporting", "demand"]
    assert set(past.columns["reporting"]) == {3.0, 4.0}
    assert past.columns["demand"][0] == 1.5
    assert past.columns["demand"][-1] == 2.0
    assert any("reporting" in note and "enable-metrics-collection" in note for note in past.notes)


def test_where_nobody_can_tell_how_many_there_were_there_is_no_demand(world):
    for back in (600, 660 + 120):
        world.put(50.0, back)
    past = world.pull()
    assert list(past.columns) == ["cpu"]
    assert any("no demand column" in note and "web" in note for note in past.notes)


def test_a_total_of_the_group_needs_no_number_in_service(world):
    text = """\
targets:
  web:
    group: web
    signals:
      requests: {metric: My/App Requests, statistic: Sum, unit: count, dimensions: {App: "{group}"}}
      cpu: {}
    demand: {signal: requests, per_instance: 50}
    policies: [{type: target_tracking, target: 60%}]
"""
    world.put(200.0, 120, "My/App Requests", App="web")
    world.put(100.0, 60, "My/App Requests", App="web")
    past = world.pull(text=text)
    assert past.columns["demand"] == (4.0, 2.0)
    assert "cpu" in past.columns


def test_a_long_past_is_read_in_pieces_no_larger_than_an_answer(world):
    for hour in range(1, 14 * 24):
        world.put(hour, HOUR * hour)
    world.put(4.0, HOUR, IN_SERVICE)
    told = []
    past = world.pull(14 * DAY, progress=lambda *done: told.append(done))
    asked = world.asked()
    assert len(asked) == 2
    assert [done for done, _ in told] == [1, 2]
    assert asked[0][1] == asked[1][0]
    assert all((start - end) / 60 * 2 <= PAGE for start, end, _ in asked)
    assert all(periods == {60} for _, _, periods in asked)
    assert past.known("cpu") == 14 * 24 - 1
    assert past.step == 60.0


def test_an_answer_in_pages_is_read_whole(world):
    world.aws.metrics.page = 7
    for minute in range(1, 40):
        world.put(minute, 60 * minute)
    assert world.pull().known("cpu") == 39


@pytest.mark.parametrize(
    ("days", "step", "words"), [(15, 60, ""), (20, 300, "1m for 15d"), (80, 3600, "5m for 63d")]
)
def test_the_step_is_the_finest_that_cloudwatch_has_kept(world, days, step, words):
    for hour in range(1, 48):
        world.put(10.0, HOUR * hour)
        world.put(4.0, HOUR * hour, IN_SERVICE)
    past = world.pull(days * DAY)
    assert past.step == step
    assert {p for _, _, periods in world.asked() for p in periods} == {step}
    assert any(words in note for note in past.notes)
    assert any("CloudWatch keeps" in note for note in past.notes) is bool(words)


def test_a_step_that_is_asked_for_holds_and_what_is_no_longer_kept_is_not_asked_for(world):
    world.put(10.0, HOUR)
    past = world.pull(30 * DAY, step=60.0)
    assert past.step == 60.0
    assert max(start for start, _, _ in world.asked()) < 15 * DAY
    assert any("1m for 15d only" in note for note in past.notes)


def test_the_sum_of_a_wider_step_is_told_as_of_the_configured_period(world):
    text = """\
targets:
  web:
    group: web
    signals: {rps: {metric: My/App Requests, statistic: Sum, unit: count}}
    demand: {signal: rps, per_instance: 10}
    policies: [{type: target_tracking, target: 60%}]
"""
    for minute in range(1, 11):
        world.put(30.0, 60 * minute, "My/App Requests")
    past = world.pull(text=text, step=300.0)
    assert past.columns["rps"] == (30.0, 30.0)
    assert past.columns["demand"] == (3.0, 3.0)


def test_what_is_read_from_each_instance_is_read_of_the_group(world):
    text = """\
targets:
  web:
    group: web
    signals:
      cpu: {per: instance}
      heat: {per: instance, metric: My/App Heat, dimensions: {Host: "{instance}"}}
"""
    world.put(40.0, 60)
    past = world.pull(text=text)
    assert past.columns == {"cpu": (40.0,)}
    assert any("the group's own Average" in note for note in past.notes)
    assert any("heat was left out" in note for note in past.notes)


def test_an_expression_is_read_back(world):
    text = """\
targets:
  web:
    group: web
    signals:
      twice: {expression: 2 * c, metrics: {c: {metric: AWS/EC2 CPUUtilization}}}
    demand: {signal: twice}
"""
    world.put(20.0, 60)
    assert world.pull(text=text).columns["twice"] == (40.0,)


def test_the_bucket_that_is_not_over_and_what_is_after_until_are_left_out(world):
    world.clock.advance(START + 30)
    for back in (30 + 120, 30 + 60, 30):
        world.put(back, back)
    assert world.pull().columns["cpu"] == (150.0, 90.0)
    assert world.pull(until=60.0).columns["cpu"] == (150.0,)


def test_throttling_is_waited_out(world):
    world.put(40.0, 60)
    world.aws.faults.throttle("GetMetricData", times=4)
    assert world.pull().columns["cpu"] == (40.0,)
    world.aws.faults.throttle("GetMetricData", times=None)
    with pytest.raises(Throttled):
        world.pull()


def test_who_may_not_read_is_told_at_once(world):
    world.aws.faults.deny("GetMetricData")
    with pytest.raises(Denied, match="cloudwatch:GetMetricData"):
        world.pull()
    assert len(world.asked()) <= 3


def test_one_signal_that_cannot_be_read_does_not_spoil_the_others(world):
    text = """\
targets:
  web:
    group: web
    signals:
      cpu: {}
      odd: {metric: My/App X, statistic: p100.5}
"""
    world.put(40.0, 60)
    past = world.pull(text=text)
    assert past.columns["cpu"] == (40.0,)
    assert any(note.startswith("odd: ") for note in past.notes)


def test_no_data_at_all_is_an_error(world):
    with pytest.raises(NotFound, match="no data in that time"):
        world.pull()
