"""What is new since the last event, so that the ledger holds each fact once."""

from collections.abc import Iterable

from forescale.model.fleet import FleetStatus
from forescale.model.sample import Sample

# Buckets older than this are not expected to change any more (CloudWatch's own late data
# settles within minutes), so they need not be remembered.
_SETTLED = 3600.0


class News:
    """Remembers what a target's events have said already.

    `pick` tells what is new and `keep` remembers it, once the event is in the ledger: an
    event that could not be written is told again.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[str, float], float | None] = {}
        self._fleet: FleetStatus | None = None

    def pick(self, samples: Iterable[Sample], now: float) -> tuple[Sample, ...]:
        """The samples that were not told, or told otherwise; oldest first."""
        fresh = {}
        for sample in samples:
            key = (sample.signal, sample.time)
            if sample.time > now - _SETTLED and self._values.get(key, _UNTOLD) != sample.value:
                fresh[key] = sample
        return tuple(sorted(fresh.values(), key=lambda s: (s.time, s.signal)))

    def pick_fleet(self, fleet: FleetStatus) -> FleetStatus | None:
        """The fleet, or None where it is as it was told."""
        return None if fleet == self._fleet else fleet

    def keep(self, samples: Iterable[Sample], fleet: FleetStatus | None, now: float) -> None:
        """Remember what has been told."""
        for sample in samples:
            self._values[sample.signal, sample.time] = sample.value
        if fleet is not None:
            self._fleet = fleet
        if samples:
            self._values = {key: v for key, v in self._values.items() if key[1] > now - _SETTLED}


class _Untold:
    """Differs from every value a sample can have."""


_UNTOLD = _Untold()
