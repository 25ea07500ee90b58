"""The seams: what a plug-in must be. One contract suite per protocol tests them all."""

from collections.abc import Sequence
from typing import Protocol

from forescale.model.decision import Observation, Proposal
from forescale.model.effect import Action, Outcome
from forescale.model.fleet import FleetStatus
from forescale.model.forecast import Forecast, NotReady
from forescale.model.sample import InstanceRef, Sample, Window


class Clock(Protocol):
    """Where the edges get the time from; the pure rooms are told it."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep_until(self, time: float) -> None:
        """Return once `now()` has reached `time`, or as much time has passed, if it is put back."""
        ...


class Source(Protocol):
    """Reads one target's signals."""

    @property
    def errors(self) -> tuple[str, ...]:
        """What the last `read` could not read, while it could read something else."""
        ...

    async def read(self, window: Window) -> Sequence[Sample]:
        """Samples of the window, any order; absent buckets may be left out or have no value.

        Raises an `AdapterError` where nothing could be read.
        """
        ...


class Policy(Protocol):
    """Turns what is seen into a proposal. Pure: the same input gives the same proposal."""

    @property
    def lookback(self) -> float:
        """How many seconds of loads and signals it needs to see."""
        ...

    def propose(self, obs: Observation, forecast: Forecast | NotReady) -> Proposal:
        """What this policy wants now."""
        ...


class Actuator(Protocol):
    """Observes and scales one target."""

    async def observe(self) -> FleetStatus:
        """The target as it is now. Raises an `AdapterError` where that cannot be known."""
        ...

    def instances(self) -> tuple[InstanceRef, ...]:
        """The instances in service at the last `observe`, for sources that read each one."""
        ...

    async def apply(self, action: Action) -> Outcome:
        """Do the action at most once. Returns when accepted, not when capacity serves.

        Raises `Throttled`, `Denied` or `NotFound` only where certainly nothing was done. After
        anything else, `Unavailable` above all, the next `observe` tells what became of it, and
        the same action may be asked for again.
        """
        ...
