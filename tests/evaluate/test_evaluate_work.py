from dataclasses import replace

import numpy as np
import pytest
from evaluate.traces import Load, Public
from evaluate.work import CONFIG, MODES, PRICE_MODES, Work, scored, target

from forescale.config import load
from forescale.series.trace import Trace
from forescale.sim.backtest import forecast_each_minute


@pytest.fixture(scope="module")
def recorded():
    minutes = np.arange(3000)
    noise = np.random.default_rng(1).normal(size=len(minutes))
    return Load(Public("f.csv:x", "mine"), Trace(0.0, 20 + 10 * np.sin(minutes / 229) + noise), 1500, 1.2)


def test_the_default_configuration_is_changed_in_nothing_but_what_is_asked():
    (default,) = load(CONFIG, env={}).targets.values()
    assert target(()) == default
    for modes in MODES.values():
        for mode in modes:
            found = target(mode.sets)
            assert found.guards == default.guards
            assert found.forecast == default.forecast
            assert len(found.policies) == 1


def test_what_a_result_depends_on_is_in_its_key(recorded):
    work, mode = Work(), PRICE_MODES[0]
    key = work.piece(recorded, 4, mode).key
    assert key == Work().piece(recorded, 4, mode).key
    other = replace(recorded, trace=replace(recorded.trace, load=recorded.trace.load + 1))
    assert key not in {
        work.piece(recorded, 4, PRICE_MODES[1]).key,
        work.piece(recorded, 1, mode).key,
        work.piece(other, 4, mode).key,
    }
    assert (
        work.piece(recorded, 4, mode).forecasts.key == work.piece(recorded, 4, PRICE_MODES[1]).forecasts.key
    )


@pytest.mark.slow
def test_a_fixed_setting_does_the_same_however_early_it_begins(recorded):
    made = forecast_each_minute(target(()), recorded.trace, 4)
    mode = PRICE_MODES[5]
    late = scored(Work().piece(recorded, 4, mode), mode, made)
    early = scored(Work().piece(recorded, 4, mode), replace(mode, learns=True), made)
    assert len(late.serving) == 1500
    assert np.array_equal(late.serving, early.serving)
    assert np.array_equal(late.billed, early.billed)
