"""Strategies side by side: the same load for all, each against the first."""

import numpy as np
import pytest

from forescale.engine.settings import TargetSettings
from forescale.model.errors import ConfigError
from forescale.series.trace import Trace
from forescale.sim.bootstrap import Difference, Interval
from forescale.sim.comparison import (
    Strategy,
    compare_strategies,
    curves_of,
    frontier,
    play_job,
    variants_of,
    worse,
)
from forescale.sim.generator import daily_load

TRACE = daily_load(3, 3 * 1440)
HOW = {"peak_instances": 20, "lead": 4, "warmup": 1440}


def tracking(target, **more):
    policy = {"type": "target_tracking", "target": target}
    return TargetSettings.model_validate({"policies": [policy], **more})


def compared(*strategies, **more):
    return compare_strategies(strategies, TRACE, rng=np.random.default_rng(1), **HOW, **more)


def test_each_is_compared_with_the_first_on_the_scored_minutes():
    found = compared(
        Strategy("mine", tracking(0.6)), Strategy("lean", tracking(0.8)), Strategy("static-peak")
    )
    assert list(found.scores) == ["mine", "lean", "static-peak", "oracle"]
    assert list(found.differences) == ["lean", "static-peak"]
    assert (found.warmup, len(found.load), found.start) == (1440, 2 * 1440, 1440 * 60.0)
    assert all(len(run.billed) == 2 * 1440 for run in found.runs.values())
    mine, lean = found.scores["mine"], found.scores["lean"]
    assert found.differences["lean"].cost.value == pytest.approx(100 * (lean.cost / mine.cost - 1))
    assert found.differences["lean"].violations.value == pytest.approx(lean.violations - mine.violations)
    assert found.differences["lean"].cost.high < 0


def test_the_figures_do_not_depend_on_how_the_jobs_are_done():
    strategies = Strategy("mine", tracking(0.6)), Strategy("hpa"), Strategy("hpa:70%")
    backwards = compared(
        *strategies,
        each=lambda function, jobs: [function(job) for job in reversed(jobs)][::-1],
    )
    assert backwards.scores == compared(*strategies).scores
    assert backwards.differences == compared(*strategies).differences


def test_what_a_strategy_left_out_is_noted_under_its_name():
    settings = {
        "signals": {"cpu": {}, "memory": {}},
        "policies": [{"type": "target_tracking"}, {"type": "threshold", "signal": "memory"}],
    }
    found = compared(Strategy("mine", TargetSettings.model_validate(settings)))
    assert found.notes == (
        "mine: left out, because the trace has the demand signal only: threshold (memory)",
    )


def test_an_unknown_baseline_is_refused():
    with pytest.raises(ConfigError, match="no baseline 'hpb'"):
        play_job((Strategy("hpb"), Trace(0.0, np.ones(10)), 4))


def interval(value, low, high):
    return Interval(value, low, high)


@pytest.mark.parametrize(
    ("cost", "violations", "ways"),
    [
        (interval(5, 1, 9), interval(0, -1, 1), ("dearer",)),
        (interval(5, -1, 11), interval(0, -1, 1), ()),  # it may be an accident
        (interval(1.5, 1, 2), interval(0, -1, 1), ()),  # sure, and not worth an alarm
        (interval(-5, -6, -4), interval(0.2, 0.1, 0.3), ("more violations",)),
        (interval(0, 0, 0), interval(0.005, 0.001, 0.009), ()),
        (interval(0, 0, 0), interval(0.5, 0.0, 0.9), ()),
        (interval(9, 1, 19), interval(0.5, 0.1, 0.9), ("dearer", "more violations")),
    ],
)
def test_worse_is_what_is_sure_and_large_enough(cost, violations, ways):
    assert worse(Difference(cost, violations, 10)) == ways


def test_a_frontier_goes_from_careful_to_cheap():
    curves = curves_of([Strategy("mine", tracking(0.6)), Strategy("hpa")])
    assert list(curves) == ["target-tracking", "mine"]
    found = frontier(curves, TRACE, **HOW)
    assert [curve.name for curve in found] == ["target-tracking", "mine"]
    for curve in found:
        assert [point.label for point in curve.points] == ["40%", "50%", "60%", "70%", "80%", "90%"]
        costs = [point.cost for point in curve.points]
        assert costs == sorted(costs, reverse=True)
        assert curve.points[0].violations <= curve.points[-1].violations
    bare, mine = compared(Strategy("target-tracking"), Strategy("mine", tracking(0.6))).scores, found
    assert mine[0].points[2].cost == bare["target-tracking"].cost
    assert mine[1].points[2].cost == bare["mine"].cost


def test_configurations_that_differ_in_the_knob_alone_have_one_curve():
    same = [Strategy("a", tracking(0.6)), Strategy("b", tracking(0.7))]
    assert list(curves_of(same)) == ["target-tracking", "a"]
    other = Strategy("c", tracking(0.7, guards={"min": 5}))
    assert list(curves_of([*same, other])) == ["target-tracking", "a", "c"]


def test_the_other_options_of_the_policy_stay():
    policy = {"type": "target_tracking", "target": "55%", "in_after": "7m", "name": "it"}
    cfg = TargetSettings.model_validate({"policies": [policy, {"type": "threshold"}], "guards": {"max": 9}})
    found = variants_of(cfg)["90%"]
    assert found.policies[0].target == 0.9
    assert (found.policies[0].in_after, found.policies[0].name) == (420.0, "it")
    assert found.policies[1] == cfg.policies[1]
    assert found.guards == cfg.guards
    step = TargetSettings.model_validate({"policies": [{"type": "threshold"}]})
    assert variants_of(step) == {}
