"""How questions to GetMetricData are put together and told apart."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from forescale.sources import CloudWatchSignal
from forescale.sources.cloudwatch_query import Answer, Ask, Math, Stat, build_queries, names_in, read_answers

STAT = Stat("AWS/EC2", "CPUUtilization", (("AutoScalingGroupName", "web"),), "Average", 60)


def ask(series=STAT, start=0.0, end=600.0, region="eu-west-1"):
    return Ask(region, series, start, end)


def math(expression, *names):
    return Math(expression, tuple((name, STAT) for name in names), 60)


def expression_of(series):
    return build_queries([ask(series)])[-1]["Expression"]


@pytest.mark.parametrize(
    ("expression", "sent"),
    [
        ("a / b", "q0_a / q0_b"),
        ("a1 + a", "a1 + q0_a"),
        ("FILL(a, 0) / PERIOD(b)", "FILL(q0_a, 0) / PERIOD(q0_b)"),
        ("IF(a > 1e3 and b, a, b)", "IF(q0_a > 1e3 and q0_b, q0_a, q0_b)"),
        (
            "AVG(SEARCH('{AWS/EC2,a} b', 'Average', 60)) + a",
            "AVG(SEARCH('{AWS/EC2,a} b', 'Average', 60)) + q0_a",
        ),
    ],
)
def test_names_are_made_the_requests_own_and_nothing_else_is_touched(expression, sent):
    assert expression_of(math(expression, "a", "b")) == sent


def test_names_found_in_an_expression():
    assert names_in("100 * errors / FILL(requests, 0) + SUM([x1, y_2])") == {
        "errors",
        "requests",
        "x1",
        "y_2",
    }
    assert names_in("AVG(SEARCH('cpu', 'Average', 60)) and NOT 1e5") == set()


@given(st.lists(st.sampled_from([STAT, math("a + 1", "a"), math("a / b", "a", "b")]), max_size=20))
def test_ids_are_unique_and_weights_are_what_is_sent(series):
    asks = [ask(s, start=60.0 * n) for n, s in enumerate(series)]
    queries = build_queries(asks)
    assert len({q["Id"] for q in queries}) == len(queries) == sum(a.weight for a in asks)
    assert sum(q["ReturnData"] for q in queries) == len(asks)


def test_families():
    assert ask().family == ask(math("a", "a"), 60.0, 620.0).family
    assert ask(region="us-east-1").family != ask().family
    assert ask(end=86400.0).family != ask().family
    other = Stat("AWS/EC2", "CPUUtilization", (), "Average", 300)
    assert ask(other).family != ask().family
    everything = math("SUM(METRICS())", "a")
    assert ask(everything).family != ask(math("a", "a")).family


def test_answers_are_cut_to_the_question_sorted_and_joined_over_pages():
    times = [dt.datetime.fromtimestamp(t, dt.UTC) for t in (540, 0, 600, 60)]
    results = [
        {"Id": "q0", "Timestamps": times[:2], "Values": [9.0, 0.0], "StatusCode": "PartialData"},
        {"Id": "q0", "Timestamps": times[2:], "Values": [10.0, 1.0], "StatusCode": "Complete"},
    ]
    answers = read_answers([ask()], results)
    assert answers == {ask(): Answer(((0.0, 0.0), (60.0, 1.0), (540.0, 9.0)))}


@pytest.mark.parametrize("status", ["Forbidden", "InternalError"])
def test_a_status_of_its_own_is_a_problem_of_its_own(status):
    results = [{"Id": "q1", "StatusCode": status, "Messages": [{"Code": "x", "Value": "not this one"}]}]
    fine, bad = read_answers([ask(), ask(end=660.0)], results).values()
    assert fine == Answer()
    assert bad == Answer(problem="not this one", status=status)


def test_several_series_for_one_question_are_a_problem():
    at = [dt.datetime.fromtimestamp(60, dt.UTC)]
    results = [{"Id": "q0", "Label": x, "Timestamps": at, "Values": [1.0]} for x in "ab"]
    (answer,) = read_answers([ask()], results).values()
    assert "wrap it in AVG" in answer.problem


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"metric": "CPUUtilization"}, "pattern"),
        ({"statistic": "Mean"}, "pattern"),
        ({"period": "90s"}, "whole minutes"),
        ({"metrics": {"a": {"metric": "X y"}}}, "there is none"),
        ({"expression": "a / b", "metrics": {"a": {"metric": "X y"}}}, "what b is"),
        ({"expression": "1", "metric": "X y"}, "leave out metric"),
        ({"expression": "A1", "metrics": {"A1": {"metric": "X y"}}}, "pattern"),
        ({"per": "each"}, "instance"),
        ({"typo": 1}, "typo"),
    ],
)
def test_wrong_signals_are_refused_in_words(settings, words):
    with pytest.raises(ValidationError, match=words):
        CloudWatchSignal(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"statistic": "p99.9"},
        {"statistic": "TM(10%:90%)"},
        {"period": "10s"},
        {"period": "5m"},
        {"expression": "a", "metrics": {"a": {"metric": "X y"}}},
    ],
)
def test_right_signals_are_accepted_and_survive_json(settings):
    signal = CloudWatchSignal(**settings)
    assert CloudWatchSignal.model_validate_json(signal.model_dump_json(exclude_unset=True)) == signal
