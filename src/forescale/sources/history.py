"""What reading a long history takes, wherever it is read from: windows, and patience."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TypeVar

from forescale.model.errors import AdapterError, Throttled, Unavailable
from forescale.model.protocols import Clock

Points = Mapping[float, float]
"""Values by the start of their bucket, in seconds since the epoch; what is absent is not there."""
Progress = Callable[[int, int], None]
"""Told how many windows have been read, and of how many."""

TRIES = 8
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0

T = TypeVar("T")


def windows(start: float, end: float, step: float, most: int) -> Iterator[tuple[float, float]]:
    """[start, end) in pieces of at most so many steps, oldest first."""
    width = step * max(most, 1)
    while start < end:
        yield start, min(start + width, end)
        start += width


async def patiently(work: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """What the work returns, tried again after a pause where it was throttled or had no answer.

    Raises the last error after so many tries (`TRIES`), and any other error at once.
    """
    pause = _FIRST_PAUSE
    for _ in range(TRIES - 1):
        try:
            return await work()
        except (Throttled, Unavailable) as error:
            wait = error.after if isinstance(error, Throttled) else pause
            await clock.sleep_until(clock.now() + min(max(wait, 0.05), _LONGEST_PAUSE))
            pause *= 2
    return await work()


async def read_all(
    reads: Mapping[str, Callable[[float, float], Awaitable[Points]]],
    spans: list[tuple[float, float]],
    clock: Clock,
    progress: Progress | None = None,
) -> tuple[dict[str, dict[float, float]], dict[str, AdapterError]]:
    """Every series over every span: its points, and the error of each that could not be read.

    A series that has failed is not asked for again. The series of a span are read at once.

    Args:
        reads: by name, what reads a series from a start to an end.
        spans: the windows, one after the other.
        clock: waits between tries.
        progress: told after each window.

    Raises:
        AdapterError: the first one, where no series could be read.
    """
    import asyncio

    found: dict[str, dict[float, float]] = {name: {} for name in reads}
    failed: dict[str, AdapterError] = {}
    for done, (start, end) in enumerate(spans, 1):
        names = [name for name in reads if name not in failed]
        answers = await asyncio.gather(
            *(patiently(_call(reads[name], start, end), clock) for name in names), return_exceptions=True
        )
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, AdapterError):
                failed[name] = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found[name].update(answer)
        if len(failed) == len(reads):
            raise next(iter(failed.values()))
        if progress is not None:
            progress(done, len(spans))
    return {name: points for name, points in found.items() if name not in failed}, failed


def _call(
    read: Callable[[float, float], Awaitable[Points]], start: float, end: float
) -> Callable[[], Awaitable[Points]]:
    return lambda: read(start, end)
