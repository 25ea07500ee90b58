"""What a forecaster says. It reaches the engine as an event, so a replay needs no model."""

from forescale.model.value import Value


class Manner(Value, frozen=True, array_like=True):
    """One manner of moving, at each stage of protection: what it would have cost on the live past.

    `cost` is what was billed per instance of demand, `violations` the share of demand in times
    of too little capacity, `actions` the changes of capacity a day.
    """

    cost: tuple[float, ...]
    violations: tuple[float, ...]
    actions: tuple[float, ...]


class Frontier(Value, frozen=True):
    """What could have been had, as measured over `steps` of the past that are still remembered."""

    manners: tuple[Manner, ...]
    steps: float


class Forecast(Value, frozen=True):
    """Quantiles of a signal's maximum over the next `horizon` seconds, made at `time`.

    `quantiles` are (probability, value) pairs, ascending; `error` is the model's recent
    error on this target in the signal's own unit, None before it has been scored. `path` is
    the median of each step to come, for people to look at; it may be empty. `frontier` is
    None where it has not changed since the last forecast that had one; `scores` are the
    candidates' recent errors (pinball loss), by name, with the frontier.
    """

    time: float
    horizon: float
    model: str
    quantiles: tuple[tuple[float, float], ...]
    error: float | None = None
    path: tuple[float, ...] = ()
    frontier: Frontier | None = None
    scores: dict[str, float] | None = None


class NotReady(Value, frozen=True):
    """There is no forecast, and what it lacks."""

    missing: str
