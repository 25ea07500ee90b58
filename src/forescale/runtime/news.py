"""What is new since the last event, so that the ledger holds each fact once."""

from collections.abc import Iterable

from forescale.model.fleet import FleetStatus
from forescale.model.sample import Sample

SETTLED = 3600.0
"""Buckets older than this many seconds are not expected to change any more: CloudWatch's own
late data settles within minutes."""


class News:
    """Remembers what a target's events have said already.

    `pick` tells what is new and `keep` remembers it, once the event is in the ledger: an
    event that could not be written is told again.

    Args:
        reach: how many seconds back a sample may lie; older ones are not told.
    """

    def __init__(self, reach: float = SETTLED) -> None:
        self._reach = max(reach, SETTLED)
        self._values: dict[tuple[str, float], float | None] = {}
        self._fleet: FleetStatus | None = None
        self._newest = float("-inf")

    def pick(self, samples: Iterable[Sample], now: float) -> tuple[Sample, ...]:
        """The samples that were not told, or told otherwise; oldest first."""
        fresh = {}
        for sample in samples:
            key = (sample.signal, sample.time)
            if sample.time > now - self._reach and self._values.get(key, _UNTOLD) != sample.value:
                fresh[key] = sample
        return tuple(sorted(fresh.values(), key=lambda s: (s.time, s.signal)))

    def pick_fleet(self, fleet: FleetStatus) -> FleetStatus | None:
        """The fleet, or None where it is as it was told."""
        return None if fleet == self._fleet else fleet

    def keep(self, samples: Iterable[Sample], fleet: FleetStatus | None, now: float) -> None:
        """Remember what has been told."""
        told = {(sample.signal, sample.time): sample.value for sample in samples}
        if fleet is not None:
            self._fleet = fleet
        if told:
            self._values |= told
            self._values = {key: v for key, v in self._values.items() if key[1] > now - self._reach}
            self._newest = max([self._newest, *(time for _, time in told if time <= now)])

    def overtaken(self, now: float) -> bool:
        """A datapoint has been told that lies ahead of `now`: the clock has been put back too far."""
        return now < self._newest

    def forget(self) -> None:
        """Tell everything once more; but remember how far the datapoints had come."""
        self._values, self._fleet = {}, None


class _Untold:
    """Differs from every value a sample can have."""


_UNTOLD = _Untold()
