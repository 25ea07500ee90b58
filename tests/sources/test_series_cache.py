"""When a series is asked for: as seldom as possible, and whenever there may be something new."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.model.errors import NotFound
from forescale.sources.series_cache import SeriesCache

PERIOD = 60.0


def cache(delay=0.0, revisit=180.0):
    return SeriesCache(PERIOD, delay, revisit)


def test_the_first_question_is_for_the_whole_window_of_complete_buckets():
    assert cache().due(1000.0, 1630.0) == (1020.0, 1620.0)


def test_a_bucket_counts_as_complete_after_the_delay():
    assert cache(delay=31.0).due(1020.0, 1650.0) == (1020.0, 1560.0)
    assert cache(delay=30.0).due(1020.0, 1650.0) == (1020.0, 1620.0)


def test_nothing_is_asked_until_a_new_bucket_can_exist():
    known = cache()
    span = known.due(0.0, 600.0)
    known.keep(dict.fromkeys(range(0, 600, 60), 1.0), span, 600.0)
    for now in range(600, 660, 10):
        assert known.due(0.0, float(now)) is None
    assert known.due(0.0, 660.0) == (360.0, 660.0)


def test_a_late_bucket_is_asked_for_each_time():
    known = cache()
    known.keep(dict.fromkeys(range(0, 540, 60), 1.0), (0.0, 600.0), 600.0)
    for now in range(610, 700, 10):
        span = known.due(0.0, float(now))
        assert span is not None
        known.keep({}, span, float(now))


def test_a_metric_published_every_five_minutes_is_not_asked_for_every_ten_seconds():
    known = cache()
    asked = 0
    for now in range(600, 3600, 10):
        span = known.due(float(now - 600), float(now))
        if span is not None:
            asked += 1
            found = {float(t): 1.0 for t in range(0, now, 300) if span[0] <= t < span[1]}
            known.keep(found, span, float(now))
    periods = 3000 / PERIOD
    assert asked <= 4 * periods


def test_a_silent_metric_is_asked_for_once_a_period():
    known = cache()
    asked = [now for now in range(600, 1200, 10) if ask_and_get_nothing(known, now)]
    assert len(asked) == 10


def ask_and_get_nothing(known, now):
    span = known.due(float(now - 600), float(now))
    if span is not None:
        known.keep({}, span, float(now))
    return span is not None


def test_a_refused_question_is_asked_again_a_period_later():
    known = cache()
    error = NotFound("no such metric")
    assert known.due(0.0, 600.0)
    known.fail(error, 600.0)
    assert known.due(0.0, 650.0) is None
    assert known.error is error
    span = known.due(0.0, 660.0)
    known.keep({540.0: 1.0}, span, 660.0)
    assert known.error is None


def test_an_older_window_is_fetched():
    known = cache()
    known.keep({540.0: 1.0}, (480.0, 600.0), 600.0)
    assert known.due(0.0, 600.0) == (0.0, 600.0)


def test_an_incomplete_bucket_is_kept_back_and_comes_with_its_final_value():
    known = cache(delay=60.0)
    known.keep({480.0: 1.0, 540.0: 0.5}, (0.0, 600.0), 600.0)
    assert known.points(0.0, 600.0) == {480.0: 1.0}
    known.keep({540.0: 2.0}, (360.0, 660.0), 660.0)
    assert known.points(0.0, 660.0) == {480.0: 1.0, 540.0: 2.0}


def test_what_is_older_than_the_window_is_forgotten():
    known = cache()
    known.keep({float(t): 1.0 for t in range(0, 600, 60)}, (0.0, 600.0), 600.0)
    known.forget(300.0)
    assert min(known.points(0.0, 600.0)) == 300.0
    known.forget(1e9)
    assert known.empty


@given(
    st.lists(st.integers(0, 400), min_size=40, max_size=40),
    st.sampled_from([0.0, 60.0, 120.0]),
    st.integers(7, 61),
)
def test_whatever_comes_late_is_seen_in_the_end_and_nothing_else(lateness, delay, step):
    """Bucket n is published `lateness[n]` seconds after its end; 3 minutes back are looked at again."""
    published = {n * PERIOD: (n + 1) * PERIOD + late for n, late in enumerate(lateness)}
    known = cache(delay=delay)
    now, seen = 0.0, {}
    while now < 41 * PERIOD + 600:
        span = known.due(0.0, now)
        if span is not None:
            known.keep(
                {t: t for t, at in published.items() if at <= now and span[0] <= t < span[1]}, span, now
            )
        seen = known.points(0.0, now)
        assert all(t + PERIOD + delay <= now and published[t] <= now for t in seen)
        now += step
    newest = max(published)
    assert newest in seen
    prompt = [t for t, at in published.items() if at - (t + PERIOD) <= 180 - PERIOD]
    assert set(prompt) <= set(seen)


@pytest.mark.parametrize("end", [0.0, 59.0])
def test_without_a_complete_bucket_there_is_nothing_to_ask(end):
    assert cache().due(0.0, end) is None


def test_a_clock_that_was_set_back_does_not_silence_it():
    known = cache()
    known.fail(NotFound("no such metric"), 100_000.0)
    assert known.due(0.0, 600.0) is not None
    known.keep({}, (96_000.0, 96_600.0), 96_600.0)
    assert known.due(0.0, 600.0) == (0.0, 600.0)
