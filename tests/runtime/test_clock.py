"""The two clocks: who sleeps wakes, whatever is done to the wall clock."""

import asyncio
import time

from forescale.runtime.clock import SystemClock, VirtualClock


class Wall:
    """A wall clock that is put forward or back while somebody sleeps."""

    def __init__(self):
        self.shift = 0.0

    def __call__(self):
        return time.time() + self.shift


def slept(seconds, jump, after=0.05):
    """How long a sleep of so many seconds took when the clock was set in the midst of it."""
    wall = Wall()
    clock = SystemClock(wall, piece=0.02)

    async def sleep():
        asyncio.get_running_loop().call_later(after, setattr, wall, "shift", jump)
        begun = time.monotonic()
        await clock.sleep_until(clock.now() + seconds)
        return time.monotonic() - begun

    return asyncio.run(sleep())


def test_a_sleep_ends_at_its_time():
    assert slept(0.2, 0.0) >= 0.2


def test_a_clock_put_back_makes_nobody_sleep_longer():
    assert 0.2 <= slept(0.2, -3600.0) < 60


def test_a_clock_put_forward_wakes_at_once():
    assert slept(3600.0, 3600.0) < 60


def test_a_time_that_has_passed_is_not_waited_for():
    assert slept(-5.0, 0.0) < 60


def test_a_virtual_clock_wakes_in_order_and_only_who_is_due():
    clock, woken = VirtualClock(100.0), []

    async def sleep(until):
        await clock.sleep_until(until)
        woken.append((until, clock.now()))

    async def play():
        tasks = [asyncio.create_task(sleep(until)) for until in (130.0, 110.0, 90.0, 120.0)]
        await clock.resting(3)
        await tasks[2]
        clock.advance(120.0)
        await asyncio.gather(*tasks[1:])
        await clock.resting(1)
        assert woken == [(90.0, 100.0), (110.0, 120.0), (120.0, 120.0)]
        clock.advance(50.0)  # it never goes back
        assert clock.now() == 120.0
        clock.advance(130.0)
        await asyncio.gather(*tasks)

    asyncio.run(play())
    assert woken[-1] == (130.0, 130.0)
