"""What a target has cost and how well it served, counted as it happens: O(1) in time and memory."""

from forescale.model.value import Value

MEMORY = 7 * 86400.0
"""Seconds in which a recent sum forgets to 1/e what it has counted."""

_ROUNDING = 1e-9  # as in the simulation's measures: a load of exactly n instances is served by n
_LONGEST = 3600.0  # for longer than this nobody knows what was there: it is not billed
_MINUTE = 60.0


class Sums(Value, frozen=True, array_like=True):
    """Sums over the same time. All but `minutes` are in instance-seconds.

    `requests` is demand · time, `violated` the same over buckets with demand above what
    those who served carry, `billed` what was paid for, `minutes` the time whose demand is known.
    """

    requests: float = 0.0
    violated: float = 0.0
    billed: float = 0.0
    minutes: float = 0.0

    @property
    def violations(self) -> float:
        """The share of all requests that met too little capacity; 0 where there were none."""
        return self.violated / self.requests if self.requests > 0 else 0.0

    @property
    def cost(self) -> float | None:
        """Instances billed per instance of demand; None where there was none."""
        return self.billed / self.requests if self.requests > 0 else None

    def since(self, before: "Sums") -> "Sums":
        """What has come since."""
        return Sums(
            self.requests - before.requests,
            self.violated - before.violated,
            self.billed - before.billed,
            self.minutes - before.minutes,
        )

    def plus(self, more: "Sums") -> "Sums":
        """Both together."""
        return Sums(
            self.requests + more.requests,
            self.violated + more.violated,
            self.billed + more.billed,
            self.minutes + more.minutes,
        )


class Tally(Value, frozen=True, array_like=True):
    """Sums since the start, and the same forgotten exponentially (`MEMORY`): see `total`, `recent`.

    `recent_actions` counts changes of capacity. `rate` instances are billed from `until` on;
    buckets that begin before `counted` have been counted, or came too late to be.
    """

    requests: float = 0.0
    violated: float = 0.0
    billed: float = 0.0
    minutes: float = 0.0
    recent_requests: float = 0.0
    recent_violated: float = 0.0
    recent_billed: float = 0.0
    recent_minutes: float = 0.0
    rate: float = 0.0
    until: float | None = None
    counted: float | None = None
    recent_actions: float = 0.0

    @property
    def total(self) -> Sums:
        """Everything since the start."""
        return Sums(self.requests, self.violated, self.billed, self.minutes)

    @property
    def recent(self) -> Sums:
        """The last seven days, the newest counting most."""
        return Sums(self.recent_requests, self.recent_violated, self.recent_billed, self.recent_minutes)

    @property
    def actions(self) -> float:
        """Recent changes of capacity, a day."""
        return self.recent_actions * 1440 / self.recent_minutes if self.recent_minutes > 0 else 0.0

    def charge(self, rate: float, now: float) -> "Tally":
        """Bill the time up to now; from now on `rate` instances are billed. None are before it has begun."""
        return (
            self
            if rate == self.rate or self.until is None
            else self.add(rate, now, 0.0, 0.0, 0.0, self.counted)
        )

    def add(
        self,
        rate: float,
        now: float,
        requests: float,
        violated: float,
        seconds: float,
        counted: float | None,
    ) -> "Tally":
        """The tally now, with these instance-seconds and seconds of demand more.

        Decay over dt is 1 / (1 + x + x²/2), x = dt / `MEMORY`: within 1e-7 of exp(-x) for
        the longest dt there is and, unlike exp, the same to the bit on every machine.
        """
        since = now if self.until is None else self.until
        dt = min(max(now - since, 0.0), _LONGEST)
        billed, minutes, x = self.rate * dt, seconds / _MINUTE, dt / MEMORY
        keep = 1.0 / (1.0 + x * (1.0 + 0.5 * x))
        return Tally(
            self.requests + requests,
            self.violated + violated,
            self.billed + billed,
            self.minutes + minutes,
            self.recent_requests * keep + requests,
            self.recent_violated * keep + violated,
            self.recent_billed * keep + billed,
            self.recent_minutes * keep + minutes,
            float(rate),
            float(now) if now > since else since,
            counted,
            self.recent_actions * keep + (1.0 if rate != self.rate else 0.0),
        )

    def back_to(self, now: float) -> "Tally":
        """After a clock that went back: nothing has been billed or counted in the future."""
        if self.until is None or self.counted is None:
            return self
        return Tally(
            self.requests,
            self.violated,
            self.billed,
            self.minutes,
            self.recent_requests,
            self.recent_violated,
            self.recent_billed,
            self.recent_minutes,
            self.rate,
            min(self.until, now),
            min(self.counted, now),
            self.recent_actions,
        )


def begin(rate: float, now: float, period: float) -> Tally:
    """A tally that starts with the bucket that has just ended, of which `rate` was paid for."""
    return Tally(rate=float(rate), until=now - _MINUTE, counted=now - period)


def is_violated(demand: float, carried: float) -> bool:
    """More was asked than those who served could carry."""
    return demand > carried + _ROUNDING
