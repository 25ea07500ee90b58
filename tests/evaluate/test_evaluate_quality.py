import numpy as np
import pytest
from evaluate.quality import PERSISTENCE, SEASONS, quality

DAYS, HORIZON = 9, 5


@pytest.fixture
def load():
    minutes = np.arange(DAYS * 1440)
    return 10 + 5 * np.sin(2 * np.pi * minutes / 1440)


def perfect(load):
    said = np.array([np.max(load[t + 1 : t + 1 + HORIZON], initial=0) for t in range(len(load))])
    return np.column_stack((said, said, said))


def judged(load, said, models=None, warmup=1440):
    names = np.full(len(load), "some") if models is None else models
    return quality(load, said, names, warmup=warmup, horizon=HORIZON)


def test_who_knows_the_future_has_no_error_and_beats_everybody(load):
    found = judged(load, perfect(load))
    assert found.wape == 0
    assert found.coverage_99 == 1
    assert found.references[PERSISTENCE].ratio == 0


def test_the_same_day_again_is_known_to_the_seasonal_naive_alone(load):
    found = judged(load, perfect(load))
    assert found.references["seasonal naive, 24 h"].wape == pytest.approx(0, abs=1e-9)
    assert found.references["seasonal naive, 7 d"].wape == pytest.approx(0, abs=1e-9)
    assert found.references[PERSISTENCE].wape > 0.002
    assert set(found.references) == {PERSISTENCE, *SEASONS}


def test_saying_the_last_value_is_persistence(load):
    noisy = load + np.random.default_rng(1).normal(size=len(load))
    found = judged(noisy, np.column_stack([noisy] * 3))
    assert found.references[PERSISTENCE].ratio == pytest.approx(1)
    assert found.worst >= 1


def test_a_season_longer_than_the_past_is_scored_where_it_is_known(load):
    short = load[: 3 * 1440]
    found = judged(short, perfect(short))
    assert "seasonal naive, 7 d" not in found.references


def test_the_warm_up_and_what_was_not_said_do_not_count(load):
    said, models = perfect(load), np.full(len(load), "good")
    said[:1440], models[:1440] = 99.0, "bad"
    said[5000:6000], models[5000:6000] = np.nan, ""
    found = judged(load, said, models)
    assert found.wape == 0
    assert found.spoken == {"good": 1.0}


def test_nothing_said_is_not_scored(load):
    assert judged(load, np.full((len(load), 3), np.nan)) is None
