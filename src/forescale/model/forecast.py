"""What a forecaster says. It reaches the engine as an event, so a replay needs no model."""

from forescale.model.value import Value


class Forecast(Value, frozen=True):
    """Quantiles of a signal's maximum over the next `horizon` seconds, made at `time`.

    `quantiles` are (probability, value) pairs, ascending; `error` is the model's recent
    error on this target in the signal's own unit, None before it has been scored. `path` is
    the median of each step to come, for people to look at; it may be empty.
    """

    time: float
    horizon: float
    model: str
    quantiles: tuple[tuple[float, float], ...]
    error: float | None = None
    path: tuple[float, ...] = ()


class NotReady(Value, frozen=True):
    """There is no forecast, and what it lacks."""

    missing: str
