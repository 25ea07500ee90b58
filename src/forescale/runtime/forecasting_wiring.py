"""Forecasting as configured: who trains, where models are kept, from where the past is read."""

from collections.abc import Sequence

import numpy as np

from forescale.aws import Clients
from forescale.config.settings import Config, Training
from forescale.model.errors import NotFound
from forescale.model.protocols import Clock
from forescale.runtime.forecasting import Buckets, Forecasting, Past
from forescale.runtime.forecasting_workers import ClusterWorkers, LocalWorkers, Workers
from forescale.runtime.history import DEMAND, IN_SERVICE, REPORTING, History, pull_target
from forescale.series.regular import Floats

# Seconds for which CloudWatch keeps minutes, and five minutes, for sure; see sources/cloudwatch_history.
_MINUTES_KEPT, _FIVE_KEPT = 15 * 86400.0 - 3600.0, 63 * 86400.0 - 3600.0


def forecasting(config: Config, clients: Clients, clock: Clock) -> Forecasting:
    """For the targets that have a policy that asks for it.

    Raises `ConfigError` where a cluster is configured and Dask is not installed.
    """
    wanted = {name: target for name, target in config.targets.items() if target.forecasts}
    pasts = {name: past_of(config, name, clients, clock) for name in wanted}
    workers = workers_of(config.training)
    return Forecasting(wanted, pasts, workers=workers, folder=config.models_folder, clock=clock)


def workers_of(training: Training) -> Workers:
    """Who trains."""
    return LocalWorkers(training.workers) if training.cluster is None else ClusterWorkers(training.cluster)


def past_of(config: Config, name: str, clients: Clients, clock: Clock) -> Past:
    """Reads a target's past from CloudWatch: in minutes for as long as these are kept, then in five."""
    target = config.targets[name]
    if target.demand is not None:  # the other signals are not needed
        own = {target.demand.signal: target.signals[target.demand.signal]}
        target = target.model_copy(update={"signals": own})
    alone = config.model_copy(update={"targets": {name: target}})

    async def read(since: float, until: float) -> list[Buckets]:
        found = []
        for start, end in _pieces(since, until, clock.now()):
            try:
                history = await pull_target(alone, name, clients, clock, since=start, until=end)
            except NotFound:
                continue
            found.append(_buckets(history))
        return found

    return read


def _pieces(since: float, until: float, now: float) -> list[tuple[float, float]]:
    """The newest first, for the finer a bucket is the more it says."""
    fine, coarse = now - _MINUTES_KEPT, now - _FIVE_KEPT
    spans = [(max(since, fine), until), (max(since, coarse), min(until, fine))]
    return [
        (start, end) for (start, end), least in zip(spans, (60, 600), strict=True) if end - start >= least
    ]


def _buckets(history: History) -> Buckets:
    absent = (None,) * len(history.times)
    serving = history.columns.get(IN_SERVICE) or history.columns.get(REPORTING) or absent
    demand = history.columns.get(DEMAND) or absent
    return Buckets(np.array(history.times), _floats(demand), _floats(serving), history.step)


def _floats(column: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in column], dtype=np.float64)
