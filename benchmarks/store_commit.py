"""How fast entries are committed, and how much room they take.

A thousand targets, every 10 s of their time, in commits of 100 entries; one evaluation in six
brings a new datapoint, as with metrics of one minute. The states have the size of real ones.
Usage: store_commit.py [URL of an empty database]; a temporary SQLite file where none is given.
"""

import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from forescale.model.decision import Decision, Direction, Proposal, Reason
from forescale.model.effect import Decided
from forescale.model.event import Observed
from forescale.model.fleet import FleetStatus
from forescale.model.journal import Entry
from forescale.model.sample import Load, Point, Sample, Unit
from forescale.model.state import State
from forescale.store import Ledger

TARGETS, BATCH, ROUNDS, INTERVAL = 1000, 100, 60, 10.0
START = 1_790_000_000.0
FLEET = FleetStatus(3, 1, 10, 3, launched=(START - 9000, START - 8000, START - 7000))


def entry(target: str, n: int) -> Entry:
    now = START + n * INTERVAL
    news, minute = n % 6 == 0, n // 6
    utilisation = 50.0 + minute % 7
    samples = (Sample("cpu", now - 60, utilisation, Unit.PERCENT, "cloudwatch"),) if news else ()
    event = Observed(f"{round(now * 1000):x}", now, samples)
    loads = tuple(Load(now - 60.0 * i, 1.5 + i / 7, 3) for i in range(30))
    state = State(
        target,
        now,
        n,
        FLEET,
        (Point(START, 3),),
        loads,
        wanted=(Point(START, 3),),
        seen=now,
        expected=3,
    )
    why = (Reason("target_tracking", f"demand {utilisation * 0.03:.2f} is {utilisation:.0f}% of 3 serving"),)
    decision = Decision(
        f"{target}-{n}",
        target,
        now,
        event.id,
        Direction.HOLD,
        3,
        3,
        3,
        demand=utilisation * 0.03,
        in_service=3,
        lead_time=240.0,
        reasons=why,
        proposals=(Proposal("target_tracking", 3, reasons=why),),
    )
    return Entry(target, event, state, (Decided(decision),))


def room(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
        free: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
        return (pages - free) * 4096


def main(url: str, path: Path | None) -> None:
    names = [f"group-{i:04}" for i in range(TARGETS)]
    with Ledger.open(url) as ledger:
        for name in names:
            ledger.snapshot(name, "{}", State(name))
        took: list[float] = []
        size = 0
        for n in range(1, ROUNDS + 1):
            entries = [entry(name, n) for name in names]
            for i in range(0, TARGETS, BATCH):
                begin = time.perf_counter()
                ledger.commit(entries[i : i + BATCH])
                took.append(time.perf_counter() - begin)
            if n == ROUNDS // 2 and path is not None:
                size = room(path)  # the targets' own rows are there by now, and grow no more
        total = sum(took)
        count = TARGETS * ROUNDS
        print(f"{ledger.label.rsplit('/', 1)[-1]}: {count / total:,.0f} entries/s in commits of {BATCH}")
        print(
            f"a commit: median {median(took) * 1e3:.1f} ms, 99th percentile "
            f"{sorted(took)[int(len(took) * 0.99)] * 1e3:.1f} ms"
        )
        share = total / (ROUNDS * INTERVAL)
        print(f"{TARGETS} targets every {INTERVAL:.0f} s keep one core busy for {share:.1%} of the time")
    if path is not None:
        bytes_each = (room(path) - size) / (count / 2)
        a_day = bytes_each * 86400 / INTERVAL
        print(f"room: {bytes_each:.0f} bytes an entry, {a_day / 1e6:.1f} MB a target and day")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1], None)
    else:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "ledger.db"
            main(str(file), file)
