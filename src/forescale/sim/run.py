"""What a strategy did with a load, minute by minute."""

from dataclasses import dataclass

from forescale.sim.oracle import Ints


@dataclass(frozen=True)
class Run:
    """What a strategy did: one integer per minute.

    `serving` and `billed` are the instances of the minute, `desired` the capacity decided
    at its end.
    """

    serving: Ints
    billed: Ints
    desired: Ints

    def after(self, minutes: int) -> "Run":
        """The same without its first minutes."""
        return Run(self.serving[minutes:], self.billed[minutes:], self.desired[minutes:])
