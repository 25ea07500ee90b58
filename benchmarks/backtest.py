"""How long `forescale backtest` takes on 60 days of minutes, from the start of Python to the figures.

    python benchmarks/backtest.py [DAYS]

Also how many minutes a second the simulation does, `step` and all. Exit code 1 if 60 days
take 10 seconds or longer.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from forescale.sim.backtest import simulate
from forescale.sim.baselines import baseline_target_tracking
from forescale.sim.generator import daily_load

CONFIG = "targets:\n  web:\n    group: web\n"
BUDGET = 10.0  # seconds


def main() -> int:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    trace = daily_load(1, days * 1440)
    with tempfile.TemporaryDirectory() as folder:
        config, load = Path(folder, "forescale.yaml"), Path(folder, "load.csv")
        config.write_text(CONFIG)
        rows = (f"{trace.time(i):.0f},{value:.6f}\n" for i, value in enumerate(trace.load))
        load.write_text("time,load\n" + "".join(rows))
        command = [sys.executable, "-c", "from forescale.cli import main; main()"]
        command += ["backtest", str(config), "--trace", str(load), "--json"]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - start
    start = time.perf_counter()
    simulate(baseline_target_tracking(), trace.scaled(40), 4)
    alone = time.perf_counter() - start
    print(f"forescale backtest, {days} days of minutes, two simulated strategies: {whole:.2f} s")
    print(f"simulation alone, target tracking: {len(trace) / alone:,.0f} minutes/s")
    return int(days >= 60 and whole >= BUDGET)


if __name__ == "__main__":
    sys.exit(main())
