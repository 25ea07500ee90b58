"""Pauses after a throttle: as short as they can be, and never forgotten too soon."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.aws.limiter import FIRST_PAUSE, LONGEST_PAUSE, Limiter
from forescale.model.errors import Throttled


class Seconds:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_an_api_never_throttled_is_never_paused():
    limiter = Limiter(Seconds())
    for _ in range(1000):
        limiter.check("api")
        limiter.succeeded("api")


def test_pauses_double_and_then_stay():
    seconds = Seconds()
    limiter = Limiter(seconds)
    pauses = []
    for _ in range(9):
        pauses.append(limiter.throttled("api"))
        seconds.now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_success_halves_the_next_pause():
    limiter = Limiter(Seconds())
    for _ in range(4):
        limiter.throttled("api")
    limiter.succeeded("api")
    limiter.succeeded("api")
    assert limiter.throttled("api") == 4.0


def test_apis_are_paused_one_by_one():
    limiter = Limiter(Seconds())
    limiter.throttled("one")
    limiter.check("other")
    with pytest.raises(Throttled, match="one") as caught:
        limiter.check("one")
    assert caught.value.after == FIRST_PAUSE


@given(st.lists(st.sampled_from(["call", "throttle", "wait"]), max_size=60))
def test_a_pause_is_kept_to_its_end_and_bounded(events):
    seconds = Seconds()
    limiter = Limiter(seconds)
    paused_until = 0.0
    for event in events:
        if event == "wait":
            seconds.now += 0.7
        elif seconds.now < paused_until:
            with pytest.raises(Throttled) as caught:
                limiter.check("api")
            assert caught.value.after == pytest.approx(paused_until - seconds.now)
        else:
            limiter.check("api")
            if event == "throttle":
                pause = limiter.throttled("api")
                assert FIRST_PAUSE / 2 <= pause <= LONGEST_PAUSE
                paused_until = seconds.now + pause
            else:
                limiter.succeeded("api")
