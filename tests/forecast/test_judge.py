"""Whom the judge believes, and that its quantiles hold: on series that drift, jump and break."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.forecast.base import LEVELS
from forescale.forecast.judge import Judge

DAY = 1440
HORIZON = 5
SCORES = np.array([NormalDist().inv_cdf(p) for p in LEVELS])
SILENT = np.full(len(LEVELS), np.nan)


def walk(seed, steps, spread=0.3):
    """A level that drifts, and changes for good every few days."""
    rng = np.random.default_rng(seed)
    level = 20 + np.cumsum(rng.normal(0, 0.02, steps)) + 4 * np.sin(np.arange(steps) / 230)
    for at in range(3000, steps, 4100):
        level[at:] *= rng.choice([0.7, 1.4])
    return level, level + rng.normal(0, spread, steps)


def judged(judge, models, outcomes):
    """What the judge said and whom it believed, step by step.

    `models` are functions of the step that give a row; `outcomes[t]` is what the rows of step
    t - horizon spoke of.
    """
    said, believed = [], []
    for step, outcome in enumerate(outcomes):
        said.append(judge.advance(np.array([model(step) for model in models]), float(outcome)))
        believed.append(judge.believed)
    return np.array(said), np.array(believed)


def coverage(said, outcomes, skip):
    """The share of outcomes at or below what was said for them, at each level."""
    for_them, came = said[skip:-HORIZON, 0], outcomes[skip + HORIZON :]
    return np.mean(came[:, None] <= for_them, axis=0)


# By how much a spread is wrong, and a centre, in its own units: each less than a normal score at 99 %.
WRONG = [(factor, bias) for factor in (0.8, 1.0, 1.4) for bias in (-0.15, 0.0, 0.3)]


@pytest.mark.slow
def test_outcomes_lie_below_each_quantile_as_often_as_it_says():
    """Spreads that are too narrow or too wide, centres that are off, levels that drift and shift."""
    steps = 20_000
    level, values = walk(1, steps)
    ahead = np.roll(level, -HORIZON)  # they know the level, and are wrong about all else
    models = [lambda t, f=f, b=b: ahead[t] + 0.3 * (b + f * SCORES) for f, b in WRONG]
    said, _ = judged(Judge(len(models), HORIZON), models, values)
    for i, wrong in enumerate(WRONG):
        found = coverage(said[:, [i]], values, skip=2000)
        assert 0.985 <= found[LEVELS.index(0.99)] <= 0.995, wrong
        assert found == pytest.approx(LEVELS, abs=0.02), wrong


def test_quantiles_wrong_by_a_factor_come_right():
    """All of them some percent too low, or too high, of a load that swings."""
    steps = 8000
    level, values = walk(1, steps, spread=0.9)
    ahead = np.roll(level, -HORIZON)
    models = [lambda t, f=f: f * (ahead[t] + 0.9 * SCORES) for f in (0.98, 1.0, 1.02)]
    said, _ = judged(Judge(3, HORIZON), models, values)
    uncalibrated = np.mean(
        values[2000 + HORIZON :] <= [models[0](t)[8] for t in range(2000, steps - HORIZON)]
    )
    assert uncalibrated < LEVELS[8] - 0.04
    for i in range(3):
        found = coverage(said[:, [i]], values, skip=2000)
        assert found[LEVELS.index(0.99)] == pytest.approx(0.99, abs=0.005)
        assert found == pytest.approx(LEVELS, abs=0.04)


def test_it_holds_where_the_spread_changes_from_day_to_day():
    """Half as restless again by day, and not normal: a model that knows of one spread only."""
    steps = 10_000
    rng = np.random.default_rng(5)
    spread = np.where(np.arange(steps) // 720 % 2, 1.2, 0.8)
    values = 30 + rng.standard_t(8, steps) * spread
    said, _ = judged(Judge(1, HORIZON), [lambda t: 30 + SCORES], values)
    found = coverage(said, values, skip=2000)
    assert 0.982 <= found[LEVELS.index(0.99)] <= 0.996
    assert found == pytest.approx(LEVELS, abs=0.04)


def test_a_day_of_chaos_is_not_paid_for_long():
    """A model that knows nothing for a day: afterwards its quantiles are near its own again."""
    values = np.full(6 * DAY, 20.0) + np.random.default_rng(3).normal(0, 0.3, 6 * DAY)
    values[DAY : 2 * DAY] *= np.random.default_rng(4).uniform(0.2, 5, DAY)
    said, _ = judged(Judge(1, HORIZON), [lambda _: 20 + 0.3 * SCORES], values)
    middle, high = said[:, 0, LEVELS.index(0.5)], said[:, 0, LEVELS.index(0.99)]
    assert abs(middle[2 * DAY + 360] - 20) < 0.2
    assert high.max() < 20 + 0.3 * 5
    assert high[-1] < 20 + 0.3 * 3.4


def test_quantiles_ascend_and_depend_on_nothing_to_come():
    level, values = walk(2, 1500)
    models = [lambda t: level[t] + 0.2 * SCORES, lambda t: level[t] + 1.0 + 0.6 * SCORES]
    said, _ = judged(Judge(2, HORIZON), models, values)
    assert np.all(np.diff(said, axis=2) >= 0)
    other = np.concatenate((values[:900], values[900:] * 5))
    again, _ = judged(Judge(2, HORIZON), models, other)
    assert np.array_equal(said[:900], again[:900])
    assert not np.array_equal(said, again)


def first(believed, which):
    """The first step at which it is believed."""
    return int(np.flatnonzero(believed == which)[0])


def test_a_better_model_is_believed_after_a_day_of_evidence_and_not_at_once():
    """It speaks from the start; or comes after two days, when the first has shown what it can."""
    level, values = walk(3, 4 * DAY)
    rough = [lambda t: level[max(t - 30, 0)] + 1.2 * SCORES, lambda t: level[t] + 0.35 * SCORES]
    _, believed = judged(Judge(2, HORIZON), rough, values)
    assert 300 <= first(believed, 1) <= 1.5 * DAY
    assert np.all(believed[2 * DAY :] == 1)
    late = [rough[0], lambda t: rough[1](t) if t >= 2 * DAY else SILENT]
    _, believed = judged(Judge(2, HORIZON), late, values)
    assert 2 * DAY + 300 <= first(believed, 1) <= 3.5 * DAY


def test_a_model_no_better_never_replaces_the_simpler_one():
    level, values = walk(4, 5 * DAY)
    same = [lambda t: level[t] + 0.35 * SCORES, lambda t: level[t] + 0.36 * SCORES]
    _, believed = judged(Judge(2, HORIZON), same, values)
    assert np.all(believed == 0)


@pytest.mark.parametrize("seed", range(3))
def test_two_equal_ones_do_not_take_turns(seed):
    """Each is right by chance at other times: belief stays where it is for days."""
    level, values = walk(seed, 7 * DAY)
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.15, (2, 7 * DAY))
    models = [lambda t, k=k: level[t] + noise[k, t] + 0.35 * SCORES for k in range(2)]
    _, believed = judged(Judge(2, HORIZON), models, values)
    assert np.count_nonzero(np.diff(believed)) <= 2


@pytest.mark.parametrize("shift", [0.4, 2.5], ids=["down", "up"])
def test_a_model_that_breaks_is_not_believed_for_minutes_more(shift):
    """It has earned its place; then the level shifts, and it goes on as before. The simple one follows."""
    at, steps = 4 * DAY, 5 * DAY
    level, values = walk(6, steps)
    values = np.where(np.arange(steps) >= at, values * shift, values)
    learned = [lambda t: values[max(t - 1, 0)] + 1.0 * SCORES, lambda t: level[t] + 0.3 * SCORES]
    _, believed = judged(Judge(2, HORIZON), learned, values)
    assert believed[at - 1] == 1
    gone = first(believed[at:], 0)
    assert gone <= 30
    assert np.all(believed[at + gone : at + 12 * 60] == 0)


def test_a_short_disturbance_ends_no_belief_for_good():
    """Twenty minutes of nonsense in four days; afterwards it is the better one still."""
    steps = 6 * DAY
    level, values = walk(7, steps)
    values[4 * DAY : 4 * DAY + 20] *= 3
    models = [lambda t: level[max(t - 30, 0)] + 1.2 * SCORES, lambda t: level[t] + 0.35 * SCORES]
    _, believed = judged(Judge(2, HORIZON), models, values)
    assert believed[-1] == 1
    assert np.mean(believed[2 * DAY :] == 1) > 0.6


def test_one_that_is_silent_is_not_believed_while_another_speaks():
    level, values = walk(8, 3 * DAY)
    quiet = range(2 * DAY, 2 * DAY + 200)
    models = [
        lambda t: level[max(t - 30, 0)] + 1.2 * SCORES,
        lambda t: SILENT if t in quiet else level[t] + 0.35 * SCORES,
    ]
    said, believed = judged(Judge(2, HORIZON), models, values)
    assert believed[2 * DAY - 1] == 1
    assert np.all(believed[list(quiet)] == 0)
    assert believed[2 * DAY + 205] == 1  # what it had shown is not forgotten
    told = said[np.arange(len(said)), believed]
    assert not np.any(np.isnan(told))


def test_where_all_are_silent_nothing_is_said_and_belief_stays():
    judge = Judge(2, HORIZON)
    level, values = walk(9, 2 * DAY)
    models = [lambda t: level[max(t - 30, 0)] + 1.2 * SCORES, lambda t: level[t] + 0.35 * SCORES]
    judged(judge, models, values)
    before, losses = judge.believed, judge.losses
    said, believed = judged(judge, [lambda _: SILENT] * 2, np.full(100, 20.0))
    assert np.all(np.isnan(said[:, judge.believed]))
    assert set(believed.tolist()) == {before}
    assert losses.shape == (2,)


def test_what_nobody_knows_teaches_nothing():
    """Outcomes that are absent change neither losses nor quantiles."""
    judge, models = Judge(1, HORIZON), [lambda _: 10 + SCORES]
    judged(judge, models, np.full(50, 10.5))
    before = judge.losses
    said, _ = judged(judge, models, np.full(200, np.nan))
    assert np.array_equal(judge.losses, before)
    assert np.array_equal(said[0], said[-1])


def test_before_anything_came_there_is_no_loss():
    assert np.all(np.isnan(Judge(3, HORIZON).losses))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1.0, 50.0, 1e6, 1e12, np.nan]), min_size=1, max_size=60),
    st.lists(st.sampled_from([0.0, 3.0, 1e9, np.nan]), min_size=2, max_size=2),
)
def test_nonsense_gives_numbers_in_order_or_nothing(outcomes, centres):
    judge = Judge(2, 3)
    rows = np.array([np.full(len(LEVELS), c) * np.linspace(0.5, 2, len(LEVELS)) for c in centres])
    for outcome in outcomes:
        said = judge.advance(rows, outcome)
        assert judge.believed in (0, 1)
        for row, given_row in zip(said, rows, strict=True):
            assert np.all(np.isnan(row)) == np.all(np.isnan(given_row))
            if not np.any(np.isnan(row)):
                assert np.all(np.diff(row) >= 0)
                assert np.all(np.isfinite(row))
