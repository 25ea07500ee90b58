"""The local AWS's metrics: CloudWatch's statistics, paging, rules and some of its mathematics."""

import datetime as dt

import numpy as np
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from forescale.demo.aws_math import evaluate
from forescale.demo.aws_metrics import Datum, MetricKey, MetricStore
from forescale.demo.aws_wire import AwsError

KEY = MetricKey("eu-west-1", "AWS/EC2", "CPUUtilization", ())
GROUP = {"AutoScalingGroupName": "web"}
numbers = st.floats(-1e6, 1e6, allow_subnormal=False)


@pytest.fixture
def cloudwatch(clients):
    return clients.client("cloudwatch")


def query(name="q", statistic="Average", metric="CPUUtilization", **dimensions):
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/EC2",
                "MetricName": metric,
                "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()],
            },
            "Period": 60,
            "Stat": statistic,
        },
    }


def get(cloudwatch, clock, *queries, back=600, **options):
    now = dt.datetime.fromtimestamp(clock.now(), dt.UTC)
    return cloudwatch.get_metric_data(
        MetricDataQueries=list(queries), StartTime=now - dt.timedelta(seconds=back), EndTime=now, **options
    )


def values(cloudwatch, clock, *queries, **options):
    answer = get(cloudwatch, clock, *queries, ScanBy="TimestampAscending", **options)
    return {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}


@given(st.lists(numbers, min_size=1, max_size=50))
def test_statistics_are_those_of_numpy(sample):
    store = MetricStore()
    for second, value in enumerate(sample):
        store.put(KEY, Datum(float(second), ((value, 1.0),)))

    def statistic(name):
        return store.series(KEY, name, 60, 0.0, 60.0)[0.0]

    assert statistic("Average") == pytest.approx(np.mean(sample), abs=1e-6)
    assert statistic("Sum") == pytest.approx(np.sum(sample), abs=1e-6)
    assert statistic("Minimum") == min(sample)
    assert statistic("Maximum") == max(sample)
    assert statistic("SampleCount") == len(sample)
    for percent in (1, 50, 90, 99.9):
        expected = np.percentile(sample, percent, method="inverted_cdf")
        assert statistic(f"p{percent:g}") == expected


@given(st.lists(st.tuples(st.integers(0, 600), numbers), max_size=60), st.sampled_from([1, 5, 60, 300]))
def test_buckets_are_aligned_to_the_epoch_and_empty_ones_are_absent(data, period):
    store = MetricStore()
    for time, value in data:
        store.put(KEY, Datum(float(time), ((value, 1.0),)))
    found = store.series(KEY, "SampleCount", period, 120.0, 480.0)
    expected = {}
    for time, _ in data:
        bucket = time // period * period
        if 120 <= bucket < 480 and time >= 120:
            expected[float(bucket)] = expected.get(float(bucket), 0) + 1
    assert found == expected


def test_put_in_all_its_forms(cloudwatch, clock):
    then = dt.datetime.fromtimestamp(clock.now() - 60, dt.UTC)
    cloudwatch.put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {"MetricName": "one", "Timestamp": then, "Value": 5.0},
            {"MetricName": "many", "Timestamp": then, "Values": [1.0, 2.0], "Counts": [3.0, 1.0]},
            {
                "MetricName": "set",
                "Timestamp": then,
                "StatisticValues": {"SampleCount": 4.0, "Sum": 10.0, "Minimum": 1.0, "Maximum": 4.0},
            },
        ],
    )
    queries = [
        query("a", "Average", "one"),
        query("b", "Average", "many"),
        query("c", "SampleCount", "many"),
        query("d", "Sum", "set"),
        query("e", "Maximum", "set"),
    ]
    assert values(cloudwatch, clock, *queries) == {
        "a": [5.0],
        "b": [1.25],
        "c": [4.0],
        "d": [10.0],
        "e": [4.0],
    }


def test_a_series_is_its_exact_dimensions_and_region(aws, clients, cloudwatch, clock):
    aws.put_metric("AWS/EC2 CPUUtilization", 1.0, time=clock.now() - 60, dimensions=GROUP)
    aws.put_metric("AWS/EC2 CPUUtilization", 2.0, time=clock.now() - 60)
    aws.put_metric("AWS/EC2 CPUUtilization", 3.0, time=clock.now() - 60, dimensions=GROUP, region="us-east-1")
    assert values(cloudwatch, clock, query(**GROUP)) == {"q": [1.0]}
    assert values(cloudwatch, clock, query()) == {"q": [2.0]}
    assert values(clients.client("cloudwatch", "us-east-1"), clock, query(**GROUP)) == {"q": [3.0]}
    assert values(cloudwatch, clock, query(AutoScalingGroupName="other")) == {"q": []}


def test_pages_hold_no_more_than_they_may_and_lose_nothing(aws, cloudwatch, clock):
    for minute in range(1, 8):
        for name in ("one", "two"):
            aws.put_metric(f"AWS/EC2 {name}", minute, time=clock.now() - 60 * minute)
    queries = [query("a", metric="one"), query("b", metric="two")]
    found, token, pages = [], None, 0
    while True:
        answer = get(cloudwatch, clock, *queries, MaxDatapoints=5, **({"NextToken": token} if token else {}))
        page = [(r["Id"], t) for r in answer["MetricDataResults"] for t in r["Timestamps"]]
        assert len(page) <= 5
        found += page
        pages, token = pages + 1, answer.get("NextToken")
        if not token:
            break
    assert pages == 3
    assert len(found) == len(set(found)) == 14


@pytest.mark.parametrize(
    ("queries", "words"),
    [
        ([query()] * 2, "not unique"),
        ([query(f"q{i}") for i in range(501)], "size greater than 500"),
        ([query("Q")], "expected pattern"),
        ([query(statistic="Median")], "Median"),
        ([{"Id": "e", "Expression": "q + 1"}], "cannot read 'q'"),
        ([{"Id": "e", "Expression": "1 +"}], "Error in expression"),
        ([{"Id": "e", "Expression": "SEARCH('x', 'Sum', 60)"}], "SEARCH"),
    ],
)
def test_what_cloudwatch_rejects_is_rejected(cloudwatch, clock, queries, words):
    with pytest.raises(ClientError, match=words) as caught:
        get(cloudwatch, clock, *queries)
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_an_empty_time_range_is_rejected(cloudwatch, clock):
    with pytest.raises(ClientError, match="StartTime must be less"):
        get(cloudwatch, clock, query(), back=0)


def test_an_expression_over_the_wire(aws, cloudwatch, clock):
    for minute, requests, errors in ((1, 200, 10), (2, 100, 0)):
        aws.put_metric("AWS/EC2 requests", requests, time=clock.now() - 60 * minute)
        aws.put_metric("AWS/EC2 errors", errors, time=clock.now() - 60 * minute)
    operands = [query("r", metric="requests"), query("e", metric="errors")]
    for operand in operands:
        operand["ReturnData"] = False
    found = values(cloudwatch, clock, *operands, {"Id": "rate", "Expression": "100 * e / r"})
    assert found == {"rate": [0.0, 5.0]}


A, B = {0.0: 1.0, 60.0: 4.0}, {60.0: 2.0, 120.0: 0.0}


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("a + b", {60.0: 6.0}),
        ("a - 1", {0.0: 0.0, 60.0: 3.0}),
        ("2 ^ a", {0.0: 2.0, 60.0: 16.0}),
        ("-a * 2", {0.0: -2.0, 60.0: -8.0}),
        ("a / b", {60.0: 2.0}),
        ("10 / b", {60.0: 5.0}),
        ("a / 0", {}),
        ("SUM([a, b])", {0.0: 1.0, 60.0: 6.0, 120.0: 0.0}),
        ("AVG([a, b])", {0.0: 1.0, 60.0: 3.0, 120.0: 0.0}),
        ("MAX(a)", {0.0: 4.0, 60.0: 4.0, 120.0: 4.0}),
        ("FILL(a, 0)", {0.0: 1.0, 60.0: 4.0, 120.0: 0.0}),
        ("FILL(a, REPEAT)", {0.0: 1.0, 60.0: 4.0, 120.0: 4.0}),
        ("a / PERIOD(a)", {0.0: 1 / 60, 60.0: 4 / 60}),
        ("IF(a > 2, 100, a)", {0.0: 1.0, 60.0: 100.0}),
        ("CEIL(a / 3)", {0.0: 1.0, 60.0: 2.0}),
        ("7", {0.0: 7.0, 60.0: 7.0, 120.0: 7.0}),
    ],
)
def test_mathematics(expression, result):
    assert evaluate(expression, {"a": A, "b": B}, 60, [0.0, 60.0, 120.0]) == result


@pytest.mark.parametrize(
    "expression", ["[a, b]", "[a, b] + 1", "a if b else a", "__import__('os')", "LAG(a)"]
)
def test_what_is_no_series_is_an_error(expression):
    with pytest.raises(AwsError):
        evaluate(expression, {"a": A, "b": B}, 60, [0.0, 60.0])
