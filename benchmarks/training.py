"""How long the default models take to learn and to forecast, and what a second core is worth.

    python benchmarks/training.py [--series 100] [--days 30] [--cluster tcp://host:8786]

Three figures: the fit of `days` of minutes on one core; a predictive decision, from the newest
minute of demand to what the policy wants; and `series` short series fitted by one and by two
processes, through joblib. Exit code 1 where a goal is missed: 5 s, 50 ms, 1.8 times as fast.
The first two are seconds of one core (both are of one thread), which others that want it do not
change; the last is by the clock, and says little on a machine that is busy: its load is told.
"""

import argparse
import os
import statistics
import sys
import time

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
os.environ |= dict.fromkeys(ONE_THREAD, "1")  # before numpy is loaded

import numpy as np  # noqa: E402

from forescale.config.settings import Target  # noqa: E402
from forescale.engine.step import step  # noqa: E402
from forescale.forecast.pipeline import Models, Pipeline, train  # noqa: E402
from forescale.forecast.settings import ForecastSettings  # noqa: E402
from forescale.model.event import Forecasted, Observed  # noqa: E402
from forescale.model.fleet import FleetStatus  # noqa: E402
from forescale.model.forecast import Forecast  # noqa: E402
from forescale.model.sample import Sample, Unit  # noqa: E402
from forescale.model.state import State  # noqa: E402
from forescale.runtime.forecasting_jobs import Job, Trained, train_many  # noqa: E402
from forescale.series.regular import Series  # noqa: E402
from forescale.sim.generator import daily_load  # noqa: E402

GOAL_FIT, GOAL_DECISION, GOAL_RATIO = 5.0, 0.050, 1.8
LEAD, MINUTE, START = 4, 60.0, 1_767_225_600.0
DECISIONS = 200
SHORT = 2.0  # days of each of many series: what is measured is the pool, not the model


def history(seed: int, days: float) -> Series:
    """A day's load, in instances."""
    return Series(START, daily_load(seed, round(days * 1440)).scaled(40).load)


def fit(days: float) -> tuple[Models, float]:
    """The default models of a history, and the seconds of a core that took."""
    begin = time.process_time()
    models = train(history(1, days), ForecastSettings(), LEAD + 1)
    return models, time.process_time() - begin


def decisions(models: Models, days: float) -> list[float]:
    """The seconds of a core of each predictive decision: forecast, event, evaluation."""
    settings = Target.model_validate(
        {"actuator": {"type": "asg", "group": "web"}, "policies": [{"type": "predictive"}]}
    )
    whole = history(1, days)
    pipeline, state, took = Pipeline(ForecastSettings(), LEAD), State("web"), list[float]()
    pipeline.adopt(models)
    for origin in range(len(whole) - DECISIONS, len(whole) + 1):
        seen, now = whole.cut(0, origin), whole.start + origin * MINUTE
        load = float(seen.values[-1])
        sample = Sample("cpu", now - MINUTE, 100 * load / 60, Unit.PERCENT, "memory")
        begin = time.process_time()
        forecast = pipeline.advance(seen)
        if isinstance(forecast, Forecast):
            state, _ = step(state, Forecasted(str(origin), now, forecast), settings)
        state, _ = step(state, Observed(str(origin), now, (sample,), FleetStatus(60, 1, 100, 60)), settings)
        took.append(time.process_time() - begin)
    return took[1:]


def many(series: int, workers: int, cluster: str | None = None) -> float:
    """The seconds that so many series take, the start of the processes not counted."""
    jobs = [Job(f"t{i}", history(i, SHORT), ForecastSettings(), LEAD) for i in range(series)]
    train_many(jobs[: 2 * workers], workers=workers, cluster=cluster)
    begin = time.perf_counter()
    found = train_many(jobs, workers=workers, cluster=cluster)
    took = time.perf_counter() - begin
    if not all(isinstance(trained, Trained) for trained in found):
        raise SystemExit(f"training failed: {found[0]}")
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description="See the top of this file.")
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--cluster", help="a Dask scheduler, measured as well")
    given = parser.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    models, learning = fit(given.days)
    print(f"fit of {given.days:g} days of minutes by {', '.join(models.fitted)}: {learning:.2f} s")
    took = decisions(models, given.days)
    median, slow = statistics.median(took), float(np.quantile(took, 0.99))
    print(f"a predictive decision: median {1e3 * median:.1f} ms, 99th percentile {1e3 * slow:.1f} ms")
    one, two = (many(given.series, workers) for workers in (1, 2))
    ratio = one / two
    print(f"{given.series} series of {SHORT:g} days: one process {one:.1f} s, two {two:.1f} s: {ratio:.2f} ×")
    if given.cluster:
        print(f"the same on {given.cluster}: {many(given.series, 2, given.cluster):.1f} s")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    return int(learning >= GOAL_FIT or slow >= GOAL_DECISION or ratio < GOAL_RATIO)


if __name__ == "__main__":
    sys.exit(main())
