"""What is known of one series, and what is worth asking next."""

from collections.abc import Mapping

from forescale.model.errors import AdapterError

# A bucket this many periods late is asked for once a period instead of each time: the metric
# may simply be published less often, as EC2's every five minutes without detailed monitoring.
PATIENCE = 3


class SeriesCache:
    """The points of one series: asked for when there can be new ones, kept while looked at.

    Args:
        period: seconds of a bucket.
        delay: seconds after its end until a bucket is complete.
        revisit: seconds before the newest point that are asked for again.
    """

    def __init__(self, period: float, delay: float, revisit: float) -> None:
        self._period, self._delay, self._revisit = period, delay, revisit
        self._points: dict[float, float] = {}
        self._from: float | None = None
        self._asked_at = float("-inf")
        self.error: AdapterError | None = None
        """Why the last question was refused; None while waiting is all there is to do."""

    @property
    def empty(self) -> bool:
        """Whether no point is known."""
        return not self._points

    def due(self, start: float, end: float) -> tuple[float, float] | None:
        """What to ask: buckets starting in [first, last); None if there is nothing to learn now.

        Args:
            start: the oldest bucket of interest.
            end: the time now.
        """
        last = self._complete_until(end)
        first = -(-start // self._period) * self._period
        if first >= last:
            return None
        # A clock that was set back must not silence a series until it is where it was.
        asked_lately = abs(end - self._asked_at) < self._period
        if self.error is not None and asked_lately:
            return None
        if self._from is None or first < self._from:
            return first, last
        newest = max(self._points, default=first - self._period)
        late = last - self._period - newest
        if late <= 0 or (late > PATIENCE * self._period and asked_lately):
            return None
        return max(first, self._align(newest - self._revisit)), last

    def keep(self, points: Mapping[float, float], span: tuple[float, float], now: float) -> None:
        """Take in an answer: new points, and new values of known ones."""
        self._points.update(points)
        self._from = span[0] if self._from is None else min(self._from, span[0])
        self._asked_at, self.error = now, None

    def fail(self, error: AdapterError, now: float) -> None:
        """Remember that the question was refused: asked again a period later."""
        self._asked_at, self.error = now, error

    def points(self, start: float, end: float) -> dict[float, float]:
        """The complete buckets starting in [start, end), oldest first."""
        last = min(end, self._complete_until(end))
        return {time: self._points[time] for time in sorted(self._points) if start <= time < last}

    def forget(self, start: float) -> None:
        """Drop what is older than `start`."""
        self._points = {time: value for time, value in self._points.items() if time >= start}
        if self._from is not None:
            self._from = max(self._from, start)

    def _complete_until(self, end: float) -> float:
        """The start of the first bucket that is not complete."""
        return self._align(end - self._delay)

    def _align(self, time: float) -> float:
        return time // self._period * self._period
