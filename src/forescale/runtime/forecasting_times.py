"""When models are trained again, how far they must reach, and other questions of time."""

from math import ceil

from forescale.runtime.forecasting_demand import MINUTE

NEEDED = 60
"""Known minutes before which nothing is trained."""

RETRY, LONGEST_RETRY = 60.0, 3600.0
"""Seconds until what failed is tried again: the first time, and at most."""

_SHORTER = 0.75  # the horizon shrinks only where the lead time is well below it: no going to and fro


def next_fit(trained: float, refit: float, phase: float, history: float) -> float:
    """When models are trained again: soon while the history is short, then each `refit` at a time of its own.

    Args:
        trained: when they were, in seconds since the epoch.
        refit: seconds between two fits.
        phase: by how much the target's own time is shifted, so that not all are trained at once.
        history: seconds of history that there were.
    """
    if history < refit:
        return trained + max(history, NEEDED * MINUTE)
    after = trained + refit / 2
    return ceil((after - phase) / refit) * refit + phase


def pause_after(failures: int) -> float:
    """Seconds until what has failed so many times is tried again."""
    return min(RETRY * 2.0 ** min(failures - 1, 10), LONGEST_RETRY)


def steps_of(lead_time: float, current: int) -> int:
    """A lead time in steps of a minute. `current` stays unless it is clearly another."""
    steps = max(ceil(lead_time / MINUTE - 1e-9), 1)
    if steps < current and lead_time > _SHORTER * current * MINUTE:
        return current
    return steps


def extended(
    deploys: tuple[tuple[float, float], ...], now: float, oldest: float
) -> tuple[tuple[float, float], ...]:
    """With a deploy under way now; one that was seen minutes ago goes on."""
    kept = tuple(span for span in deploys if span[1] >= oldest)
    if kept and 0 <= now - kept[-1][1] <= 5 * MINUTE:
        return (*kept[:-1], (kept[-1][0], now))
    return (*kept, (now, now))
