"""What is trained, wherever that is done: in a process beside the loop, by joblib, on a Dask cluster.

Jobs and what comes of them are pickled on their way, so both ends must run the same version.
"""

import pickle
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from forescale import __version__
from forescale.forecast.pipeline import FRONTIER_EVERY, Models, Pipeline, train
from forescale.forecast.settings import ForecastSettings
from forescale.forecast.walk import walk
from forescale.model.errors import ForescaleError
from forescale.model.forecast import Forecast, NotReady
from forescale.series.regular import Floats, Series

WALKED = 15 * 1440
"""Steps of the newest past that are gone through as they would have been forecast: what selection,
calibration and rehearsal remember is younger, and finer data is not kept for longer by CloudWatch."""


class TrainingFailed(ForescaleError):
    """Models could not be trained; they are tried again later."""


@dataclass(frozen=True)
class Job:
    """Models to be trained for one target.

    `series` is its demand, `serving` what served (NaN where not known), `maximum` the most that
    there may be, `deploys` known spans of deploys, `lead` the steps ahead. With `warm`, the
    newest past is gone through as well, so that its pipeline comes calibrated and rehearsed.
    """

    target: str
    series: Series
    settings: ForecastSettings
    lead: int
    serving: Floats | None = None
    maximum: int | None = None
    deploys: tuple[tuple[float, float], ...] = ()
    warm: bool = False

    def poison(self, series: Series) -> dict[str, Any]:
        """What `find_poison` should know about a part of the series."""
        if self.serving is None or self.maximum is None:
            return {"deploys": self.deploys}
        first = round((series.start - self.series.start) / series.step)
        return {
            "serving": self.serving[first : first + len(series)],
            "maximum": self.maximum,
            "deploys": self.deploys,
        }


@dataclass(frozen=True)
class Trained:
    """What came of a job: models, and with `warm` the pipeline at the end of the series, and its forecast."""

    target: str
    models: Models
    lead: int
    pipeline: Pipeline | None = None
    forecast: Forecast | NotReady | None = None
    seconds: float = 0.0
    version: str = field(default=__version__)


def do(job: Job) -> Trained:
    """Train, and go through the past where that is wanted. Takes seconds to minutes."""
    begun = time.perf_counter()
    pipeline = last = None
    if job.warm:
        recent = job.series.tail(WALKED)
        walked = walk(recent, job.settings, job.lead, fit=lambda s, c, h: _fit(job, s, c, h))
        pipeline, last = walked.pipeline, newest(walked.forecasts)
    models = _fit(job, job.series, job.settings, job.lead + 1)
    if pipeline is not None:
        pipeline.models = None  # they travel once
    return Trained(job.target, models, job.lead, pipeline, last, time.perf_counter() - begun)


def newest(said: Sequence[Forecast | NotReady]) -> Forecast | NotReady | None:
    """The last, with what was told of the models on the way to it."""
    last = said[-1] if said else None
    if not isinstance(last, Forecast) or last.frontier is not None:
        return last
    for one in reversed(said[-2 * FRONTIER_EVERY :]):
        if isinstance(one, Forecast) and one.frontier is not None:
            return replace(last, frontier=one.frontier, scores=one.scores)
    return last


def _fit(job: Job, series: Series, settings: ForecastSettings, horizon: int) -> Models:
    learned = series.tail(round(settings.history / series.step))
    return train(learned, settings, horizon, **job.poison(learned))


def pack(trained: Any) -> bytes:
    """As it travels and is kept: pickled, compressed."""
    return zlib.compress(pickle.dumps(trained, protocol=5), 1)


def unpack(data: bytes) -> Any:
    """What `pack` has packed. Only for what this program has written itself: a pickle runs code."""
    return pickle.loads(zlib.decompress(data))  # noqa: S301 - see above, and `forecasting_files`


def do_packed(job: Job) -> bytes:
    """As `do`, packed."""
    return pack(do(job))


def train_many(
    jobs: Sequence[Job], *, workers: int | None = None, cluster: str | None = None
) -> list[Trained | TrainingFailed]:
    """Do many jobs at once, through joblib: in processes of this machine, or on a Dask cluster.

    Args:
        jobs: what to train.
        workers: processes at most; one a core where left out. A cluster has its own number.
        cluster: the address of a Dask scheduler, `tcp://host:8786`.

    Returns:
        What came of each, in order; a job that fails keeps no other from being done.

    Raises:
        TrainingFailed: the cluster cannot be reached, or all of a machine's workers died.
    """
    from joblib import Parallel, delayed, parallel_config  # type: ignore[import-untyped]

    work = [delayed(_attempt)(job) for job in jobs]
    if cluster is None:
        with parallel_config(backend="loky", inner_max_num_threads=1):
            return list(Parallel(n_jobs=workers or -1)(work))
    with _client(cluster), parallel_config(backend="dask"):
        return list(Parallel()(work))


def _attempt(job: Job) -> Trained | TrainingFailed:
    try:
        return do(job)
    except Exception as error:  # noqa: BLE001 - whatever a model raises, the other series have theirs
        return TrainingFailed(f"{job.target}: {type(error).__name__}: {error}")


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise TrainingFailed(
            f"a Dask cluster needs more: {error}", hint="pip install 'forescale[dask]'"
        ) from None
    connect: Any = Client  # untyped
    try:
        return connect(address, timeout=10, set_as_default=True)
    except (OSError, TimeoutError, ValueError) as error:
        raise TrainingFailed(f"the Dask cluster at {address} cannot be reached: {error}") from None
