"""What a state keeps of the past, and for how long."""

from bisect import bisect_right

from forescale.engine.settings import TargetSettings
from forescale.model.fleet import FleetStatus
from forescale.model.sample import Point
from forescale.model.state import Completed
from forescale.policy.guards import in_force


def in_windows(
    wanted: tuple[Point, ...], fleet: FleetStatus, now: float, cfg: TargetSettings
) -> tuple[Point, ...]:
    """The recommendations in force within the stabilisation windows, as change points.

    Where there are none yet, the capacity found counts as the first.
    """
    windows = cfg.guards.stabilisation
    longest = windows.out if windows.out > windows.in_ else windows.in_
    if not longest:
        return ()
    if not wanted:
        return (Point(now, float(fleet.desired)),)
    return in_force(wanted, now - longest) if wanted[0].time < now - longest else wanted


def remember(wanted: tuple[Point, ...], recommended: int, now: float) -> tuple[Point, ...]:
    """With what is recommended now; nothing is kept where there is no window."""
    if not wanted or wanted[-1].value == recommended:
        return wanted
    return (*wanted, Point(now, float(recommended)))


def fewer(serving: tuple[Point, ...], desired: int, now: float) -> tuple[Point, ...]:
    """What is removed serves no more from now on, and not only from the next observation on.

    Otherwise the load that those who stay now share would be taken for that of them all.
    """
    if not serving or (serving[-1].value or 0.0) <= desired:
        return serving
    return (*serving, Point(now, float(desired)))


def recent_history(history: tuple[Completed, ...], now: float, cfg: TargetSettings) -> tuple[Completed, ...]:
    """What a cooldown or the reversal budget still looks at: with the one before, to see a turn."""
    cooldown, window = cfg.guards.cooldown, cfg.guards.reversals.window
    since = now - max(window, cooldown.out, cooldown.in_)
    return history[max(bisect_right(history, since, key=lambda done: done.time) - 1, 0) :]
