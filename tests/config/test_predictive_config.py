"""How the predictive policy is configured, what is refused, and how it is said back."""

import pytest

from forescale.config import InvalidConfig, load
from forescale.config.presets import template
from forescale.config.words import in_words, summary
from forescale.policy import Predictive, TargetTracking

TOP = "region: eu-west-1\ntargets:\n  web:\n    group: web-asg\n    policies:\n      - type: predictive\n"


def options(write, *lines):
    """The policy that these lines configure."""
    text = TOP + "".join(f"        {line}\n" for line in lines)
    (policy,) = load(write(text), {}).targets["web"].policies
    return policy


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("budget: 1%", "budget", 0.01),
        ("budget: 0.001", "budget", 0.001),
        ("budget: 50%", "budget", 0.5),
        ("budget: status-quo", "budget", "status-quo"),
        ("budget:", "budget", None),
        ("quantile: 99%", "quantile", 0.99),
        ("violation_cost: 250", "violation_cost", 250.0),
    ],
)
def test_one_aim_is_enough(write, line, name, value):
    assert getattr(options(write, line), name) == value


@pytest.mark.parametrize(
    ("lines", "place", "message"),
    [
        (["budget: 0%"], "7:17", "budget must be above 0% and at most 50%, not 0%"),
        (["budget: 70%"], "7:17", "budget must be above 0% and at most 50%, not 70%"),
        (["budget: 2"], "7:17", "2 is not a ratio between 0 and 1: write 2% if that is meant"),
        (["budget: cheap"], "7:17", "'cheap' is not a budget: write for example 1% or status-quo"),
        (["budget: '0.01'"], "7:17", "'0.01' is not a budget: write for example 1% or status-quo"),
        (["budget: [1%]"], "7:9", "is not a ratio"),
        (["budget: 1%", "quantile: 99%"], "", "budget and quantile are two aims: give one"),
        (["quantile: 99%", "violation_cost: 3"], "", "quantile and violation_cost are two aims: give one"),
        (["quantile: 100%"], "7:19", "100%"),
        (["violation_cost: 0"], "7:25", "more than 0"),
        (["headroom: -0.1"], "7:19", "at least 0"),
        (["plan_age: 10s"], "7:19", "read '10s'"),
        (["budjet: 1%"], "7:9", "did you mean 'budget'?"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(write, lines, place, message):
    with pytest.raises(InvalidConfig) as refused:
        options(write, *lines)
    (problem,) = refused.value.problems
    assert message in f"{problem.message} {problem.read} {problem.expected}"
    assert not place or f"{problem.line}:{problem.column}" == place


def test_the_preset_asks_for_forecasts_and_nothing_else_does(write):
    target = load(write(template("predictive")), {}).targets["web"]
    assert target.forecasts
    assert "status-quo" in target.arms
    assert not load(write(template("asg")), {}).targets["web"].forecasts


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"budget": "1%"}, "predictive: budget 1%, status quo target 60%, plan age 10m"),
        ({"budget": "0.05%"}, "predictive: budget 0.05%, status quo target 60%, plan age 10m"),
        ({"budget": "status-quo"}, "predictive: budget status-quo, status quo target 60%, plan age 10m"),
        ({"quantile": 0.995}, "predictive: quantile 99.5%, status quo target 60%, plan age 10m"),
        (
            {"violation_cost": 20, "headroom": 0.1, "name": "ahead"},
            "ahead (predictive): violation cost 20.0, headroom 0.1, status quo target 60%, plan age 10m",
        ),
    ],
)
def test_it_is_said_without_what_is_not_set(fields, said):
    assert in_words(Predictive.model_validate(fields)) == said


def test_other_policies_are_said_as_ever():
    assert (
        in_words(TargetTracking()) == "target_tracking: target 60%, out after 3m, in after 15m, in below 90%"
    )


def test_the_summary_of_the_preset(write):
    lines = summary(load(write(template("predictive")), {}))
    assert "  policy    predictive: budget 1%, status quo target 60%, plan age 10m" in lines
