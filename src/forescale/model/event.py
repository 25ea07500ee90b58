"""What happens to a target. Every event is in the ledger; the reducer knows nothing else."""

from math import isfinite

from forescale.model.effect import Outcome
from forescale.model.fleet import FleetStatus
from forescale.model.forecast import Forecast
from forescale.model.sample import Sample
from forescale.model.value import Value


class Observed(Value, frozen=True, tag="observed"):
    """An evaluation is due: what is new since the last one.

    `samples` are the buckets not yet reported, or changed since (late data); `fleet` is
    None where it is the same as in the last event. `errors` says what could not be read;
    `blind` that the fleet itself could not be observed (then nothing is done).
    """

    id: str
    time: float
    samples: tuple[Sample, ...] = ()
    fleet: FleetStatus | None = None
    errors: tuple[str, ...] = ()
    blind: bool = False


class Forecasted(Value, frozen=True, tag="forecasted"):
    """A forecaster has spoken."""

    id: str
    time: float
    forecast: Forecast


class Reported(Value, frozen=True, tag="reported"):
    """The outcome of an action."""

    id: str
    time: float
    outcome: Outcome


def _must_end(until: float) -> None:
    """JSON has no infinity: an order without an end could not be read back from the ledger."""
    if not isfinite(until):
        raise ValueError("an order must end: `until` must be finite")


class Pause(Value, frozen=True, tag="pause"):
    """Evaluate, but take no action until `until`."""

    until: float
    by: str
    why: str = ""

    def __post_init__(self) -> None:
        _must_end(self.until)


class Override(Value, frozen=True, tag="override"):
    """Keep this desired capacity until `until`, whatever the policies want."""

    desired: int
    until: float
    by: str
    why: str = ""

    def __post_init__(self) -> None:
        _must_end(self.until)


class Resume(Value, frozen=True, tag="resume"):
    """End a pause and an override."""

    by: str
    why: str = ""


Command = Pause | Override | Resume


class Commanded(Value, frozen=True, tag="commanded"):
    """Somebody gave an order by hand."""

    id: str
    time: float
    command: Command


Event = Observed | Forecasted | Reported | Commanded
