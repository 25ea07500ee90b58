"""Commits without end, until it is killed: `crash_writer.py URL`. Says what is committed.

Every commit takes the same step for all targets, and every seventh journals an action, so
that whoever looks at the ledger afterwards can tell a half commit from a whole one.
"""

import sys

from lives import START, decided

from forescale.model.decision import Direction
from forescale.model.effect import Act, Action, Decided, Done, Notice
from forescale.model.event import Observed, Reported
from forescale.model.journal import Entry
from forescale.model.sample import Sample, Unit
from forescale.model.state import State
from forescale.store import Ledger

TARGETS = tuple(f"group-{i}" for i in range(5))


def entries(n):
    """The n-th step of every target."""
    return [entry for target in TARGETS for entry in steps(target, n)]


def steps(target, n):
    """A step of one target: an evaluation, and where it acts also the outcome of that."""
    now = START + 10.0 * n
    samples = (Sample("cpu", now, float(n), Unit.PERCENT, "test"),) if n % 4 == 0 else ()
    act = n % 7 == 0
    decision = decided(target, n, now, f"r-{n}", Direction.OUT if act else Direction.HOLD, float(n // 4))
    effects = (Decided(decision),)
    action = None
    if act:
        action = Action(decision.id, target, Direction.OUT, 3, 4, now, now + 120)
        effects += (Act(action), Notice(target, now, "acting", decision.id))
    yield Entry(target, Observed(f"r-{n}", now, samples), State(target, now, n, acting=action), effects)
    if action is not None:
        yield Entry(target, Reported(f"r-{n}", now, Done(action.id, 4)), State(target, now, n), ())


def main(url):
    with Ledger.open(url) as ledger:
        states = [ledger.state(target) or State(target) for target in TARGETS]
        n = states[0].seq
        for state in states:
            ledger.snapshot(state.target, "{}", state)
        while True:
            n += 1
            ledger.commit(entries(n))
            sys.stdout.write(f"{n}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
