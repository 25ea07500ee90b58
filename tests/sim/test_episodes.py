"""Which decisions were wrong, and why."""

import numpy as np
import pytest

from forescale.engine.settings import TargetSettings
from forescale.model.forecast import Forecast
from forescale.model.state import State
from forescale.series.trace import Trace
from forescale.sim.backtest import simulate
from forescale.sim.episodes import shortages, waste
from forescale.sim.record import Record
from forescale.sim.run import Run

LEAD = 4


def run(*stretches):
    """Serving, billed and desired: the same (count, minutes) stretches."""
    counts = np.concatenate([np.full(minutes, count) for count, minutes in stretches])
    return Run(counts, counts, np.append(counts[1:], counts[-1:]))


def load(*stretches):
    return np.concatenate([np.full(minutes, float(value)) for value, minutes in stretches])


def test_the_worst_come_first_and_what_is_close_together_is_one():
    demand = load((5, 50), (12, 3), (5, 2), (12, 3), (5, 50), (30, 2), (5, 50), (7, 1), (5, 20))
    found = shortages(run((6, len(demand))), demand, LEAD, (), most=2)
    assert [(episode.first, episode.end) for episode in found] == [(50, 58), (108, 110)]
    assert [episode.instances for episode in found] == [6, 24]
    assert found[0].share == pytest.approx(100 * 72 / demand.sum())  # the two minutes between were met
    assert [episode.minute for episode in found] == [45, 103]  # the last decision that could have helped
    assert all(episode.decision is None for episode in found)


@pytest.mark.parametrize(
    ("serving", "demand", "cause"),
    [
        ([(6, 80)], [(5, 50), (12, 30)], "the load jumped from 5 to 12 instances within a boot"),
        ([(20, 50), (20, 80)], [(5, 50), (20, 3), (20.5, 77)], "headroom was too small: 20 there"),
        ([(12, 40), (6, 40)], [(5, 50), (12, 30)], "6 had just been taken away"),
    ],
)
def test_why_there_was_too_little(serving, demand, cause):
    found = shortages(run(*serving), load(*demand), LEAD, (), most=1)
    assert cause in found[0].cause


def test_nothing_short_and_nothing_wasted_is_no_episode():
    demand = load((5, 100))
    assert shortages(run((5, 100)), demand, LEAD, (), most=5) == []
    assert waste(run((5, 100)), demand, LEAD, (), most=5) == []


def test_waste_is_a_late_scale_in_or_a_scale_out_for_nothing():
    (late,) = waste(run((10, 220), (4, 80)), load((10, 100), (4, 200)), LEAD, (), most=5)
    assert (late.first, late.end, late.instances, late.minute) == (100, 220, 6, 159)
    assert late.hours == pytest.approx(6 * 120 / 60)
    assert late.share == pytest.approx(100 * 6 * 120 / (10 * 220 + 4 * 80))
    assert late.cause == "the load had gone, and 6 stayed for up to 120 minutes more"
    found = waste(run((4, 50), (9, 50), (12, 10), (4, 100)), load((4, 210)), LEAD, (), most=9)
    out = [episode for episode in found if "scaled out" in episode.cause]
    assert [(e.first, e.end, e.minute, e.hours * 60) for e in out] == [(50, 110, 49, 300), (100, 110, 99, 30)]
    assert out[0].cause == "scaled out from 4 to 9, and never more than 4 were needed"


def test_a_scale_out_that_was_needed_is_no_waste():
    demand = load((4, 50), (9, 50), (4, 5))
    found = waste(run((4, 40), (10, 65)), demand, LEAD, (), most=9)
    assert found == []


def recorded(demand, **guards):
    policy = {"type": "target_tracking", "out_after": "1m", "in_after": "15m"}
    free = {"cooldown": {"in": 0, "out": 0}}
    cfg = TargetSettings.model_validate({"policies": [policy], "guards": free | guards})
    record = Record()
    return simulate(cfg, Trace(0.0, demand), LEAD, watch=record), record


def test_the_decision_that_counts_comes_with_its_reasons():
    demand = load((5, 60), (40, 30))
    done, record = recorded(demand, max=20)
    (worst,) = shortages(done, demand, LEAD, record.decisions, most=1)
    assert worst.decision is record.decisions[worst.minute]
    assert worst.decision.time == 60.0 * (worst.minute + 1)
    assert worst.decision.reasons
    (waited, *_) = waste(done, load((5, 60), (1, 30)), LEAD, record.decisions, most=9)
    assert waited.decision is record.decisions[waited.minute]


def test_a_maximum_and_what_held_back_are_named():
    demand = load((5, 60), (15, 60), (40, 30))
    done, record = recorded(demand, max=20)
    decisions = record.decisions
    late = [e for e in shortages(done, demand, LEAD, decisions, most=9) if e.first >= 110]
    assert late[0].decision is not None
    done, record = recorded(load((15, 60), (18, 60)), max=20)
    (worst,) = shortages(done, load((15, 60), (18, 30), (25, 30)), LEAD, record.decisions, most=1)
    assert worst.cause == "the maximum was reached"


def test_what_is_recorded_is_one_decision_a_minute_and_no_forecast_where_there_is_none():
    _, record = recorded(load((5, 40)))
    assert len(record.decisions) == 40
    assert record.quantiles is None
    assert len(record.after(10).decisions) == 30
    assert record.after(10).decisions[0] is record.decisions[10]


def test_the_quantiles_of_a_forecast_are_those_nearest_to_the_levels():
    record, (decision, *_) = Record(), recorded(load((5, 4)))[1].decisions
    said = Forecast(60.0, 300.0, "it", ((0.1, 1.0), (0.55, 2.0), (0.9, 3.0), (0.995, 4.0)))
    for minute, forecast in enumerate((None, said, said)):
        record(minute, State("it", forecast=forecast), decision)
    np.testing.assert_array_equal(record.quantiles, [[np.nan] * 3, [2, 3, 4], [2, 3, 4]])
