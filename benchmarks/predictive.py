"""A backtest of 30 days of minutes under the default predictive policy, daily refits included.

    python benchmarks/predictive.py [--days 30]

Seconds of one core, of the forecasts and of the simulation, and by the clock. Exit code 1 where the
two together take more than 60 s of one core for 30 days.
"""

import argparse
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is loaded

from forescale.engine.settings import TargetSettings  # noqa: E402
from forescale.sim.backtest import forecast_each_minute, simulate  # noqa: E402
from forescale.sim.generator import daily_load  # noqa: E402

_GOAL = 60.0  # seconds, for 30 days
_LEAD = 4


def main() -> int:
    """Print the figures; 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    days = parser.parse_args().days
    cfg = TargetSettings.model_validate({"policies": [{"type": "predictive", "budget": "1%"}]})
    trace = daily_load(7, days * 1440).scaled(40)
    clock, begun = time.perf_counter(), time.process_time()
    forecasts = forecast_each_minute(cfg, trace, _LEAD)
    between = time.process_time()
    simulate(cfg, trace, _LEAD, forecasts=forecasts)
    done = time.process_time()
    goal = _GOAL * days / 30
    print(f"{days} days of minutes, {os.getloadavg()[0]:.1f} load average")
    print(f"  forecasts, refitted daily   {between - begun:6.1f} s of one core")
    print(f"  simulation                  {done - between:6.1f} s of one core")
    print(f"  together                    {done - begun:6.1f} s of one core, goal {goal:.0f} s")
    print(f"  by the clock                {time.perf_counter() - clock:6.1f} s")
    return int(done - begun > goal)


if __name__ == "__main__":
    sys.exit(main())
