"""How long it takes to find what is poisoned in 60 days of minutes, outages and shifts among them.

    python benchmarks/poison.py [DAYS]

The best of 20. Exit code 1 if 60 days take 50 ms or longer.
"""

import sys
import time

from forescale.series.poison import find_poison
from forescale.series.regular import as_series
from forescale.sim.synthetic import Shape, synthesise

BUDGET = 0.05  # seconds


def main() -> int:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    series = as_series(synthesise(Shape(outages=3, shifts=1), 2, days * 1440).trace)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        poisoned = find_poison(series)
        best = min(best, time.perf_counter() - start)
    print(f"{days} days of minutes, {len(poisoned.spans)} spans: {1000 * best:.1f} ms")
    return int(days == 60 and best >= BUDGET)


if __name__ == "__main__":
    sys.exit(main())
