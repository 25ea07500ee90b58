"""A simulated Auto Scaling Group, minute by minute: boot, service, drain and what is billed."""

from collections import deque
from collections.abc import Iterator
from itertools import repeat

from forescale.model.fleet import FleetStatus, LeadTime
from forescale.series.trace import STEP

UNLIMITED = 1_000_000
"""The maximum of the simulated group: what limits is what is configured, not the group."""


class Plant:
    """A group of instances, each of capacity 1.0.

    What is decided at the end of minute t takes effect at t + 1: a launch is billed from
    t + 1 and serves from t + 1 + `lead`; a removal ends at t + 1, instances still booting
    (the youngest first) before those in service (the oldest first). A removed instance
    that was in service is billed for `drain` minutes more and serves nothing. There is
    always at least one instance.

    `extra_boot` gives the minutes that each launch boots longer than `lead`: an iterator
    over a seeded generator makes boot times vary. A simulation draws nothing by itself.
    """

    def __init__(
        self,
        instances: int,
        lead: int,
        *,
        start: float = 0.0,
        drain: int = 0,
        extra_boot: Iterator[int] | None = None,
    ) -> None:
        """A group of `instances` in service since `start` (seconds); `lead` and `drain` in minutes."""
        self.serving = max(instances, 1)
        self.pending = 0
        self.draining = 0
        self._lead, self._drain, self._start = lead, drain, start
        self._extra_boot = repeat(0) if extra_boot is None else extra_boot
        self._launched: tuple[float, ...] = (start,) * self.serving
        self._booting: deque[tuple[int, int, float]] = deque()  # first minute in service, count, launch time
        self._leaving: deque[tuple[int, int]] = deque()  # first minute no longer billed, count
        self._reported: FleetStatus | None = None

    @property
    def desired(self) -> int:
        """Instances in service or on their way."""
        return self.serving + self.pending

    @property
    def billed(self) -> int:
        """Instances that this minute costs."""
        return self.serving + self.pending + self.draining

    def begin(self, minute: int) -> None:
        """Start a minute: what has booted serves, what has drained is gone. May be said again."""
        if self._booting:
            due = [launch for launch in self._booting if launch[0] <= minute]
            for launch in due:
                self._booting.remove(launch)
                self._serve(launch[1], launch[2])
        while self._leaving and self._leaving[0][0] <= minute:
            self.draining -= self._leaving.popleft()[1]

    def resize(self, desired: int, minute: int) -> None:
        """What was decided at the end of a minute."""
        change = max(desired, 1) - self.desired
        if change > 0:
            ready = minute + 1 + self._lead + next(self._extra_boot)
            self._booting.append((ready, change, self._start + STEP * (minute + 1)))
            self.pending += change
        elif change < 0:
            self._remove(-change, minute)

    def status(self) -> FleetStatus:
        """What an actuator would see as the minute begins that was begun last."""
        return FleetStatus(
            desired=self.desired,
            minimum=1,
            maximum=UNLIMITED,
            in_service=self.serving,
            pending=self.pending,
            draining=self.draining,
            launched=self._launched,
            lead_time=LeadTime(self._lead * STEP),
        )

    def news(self) -> FleetStatus | None:
        """The status where it differs from the one told last, else None."""
        last = self._reported
        if (
            last is not None
            and (last.in_service, last.pending, last.draining) == (self.serving, self.pending, self.draining)
            and last.launched is self._launched
        ):
            return None
        self._reported = self.status()
        return self._reported

    def _serve(self, count: int, launched: float) -> None:
        self.pending -= count
        self.serving += count
        self._launched = (*self._launched, *(launched,) * count)
        if len(self._launched) > count and self._launched[-count - 1] > launched:
            self._launched = tuple(sorted(self._launched))  # a launch before it boots longer

    def _remove(self, count: int, minute: int) -> None:
        while count and self._booting:
            ready, booting, launched = self._booting.pop()
            cancelled = min(booting, count)
            if booting > cancelled:
                self._booting.append((ready, booting - cancelled, launched))
            self.pending -= cancelled
            count -= cancelled
        if count:
            self.serving -= count
            self._launched = self._launched[count:]
            if self._drain:
                self.draining += count
                self._leaving.append((minute + 1 + self._drain, count))
