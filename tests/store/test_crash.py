"""Killed at any moment, the ledger holds whole commits and every one that was reported done."""

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from crash_writer import TARGETS, entries
from lives import decisions_of

from forescale.model.effect import Act, Done, Notice
from forescale.model.value import encode
from forescale.store import Ledger, RecordedAction, fold


def run_and_kill(url, delay):
    """Let the writer commit, kill it so many seconds after its first commit; the last it reported."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("crash_writer.py")), url],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process, process.stdout as output:
        reported = [int(output.readline())]
        threading.Timer(delay, process.send_signal, (signal.SIGKILL,)).start()
        reported += [int(line) for line in output if line.endswith("\n")]
    assert process.returncode == -signal.SIGKILL
    return reported[-1]


def check(ledger, n):
    """Everything in the ledger is what n steps write, to the byte, no more and no less."""
    made = {target: [] for target in TARGETS}
    for entry in (entry for i in range(1, n + 1) for entry in entries(i)):
        made[entry.target].append(entry)
    for target, own in made.items():
        assert ledger.state(target) == own[-1].state
        segments = list(ledger.segments(target))
        events = [event for segment in segments for event in segment.events]
        assert [encode(e) for e in events] == [encode(entry.event) for entry in own]
        runs = [run for segment in segments for run in segment.decisions]
        assert fold.first_difference(runs, decisions_of(own)) is None
        assert ledger.latest_decision(target).id == f"{target}-{n}"
        effects = [effect for entry in own for effect in entry.effects]
        actions = [effect.action for effect in effects if isinstance(effect, Act)]
        found = ledger.actions(target, limit=10**6)
        assert list(found) == [RecordedAction(a, Done(a.id, 4), a.time) for a in reversed(actions)]
        notices = [effect for effect in effects if isinstance(effect, Notice)]
        assert list(ledger.notices(target, limit=10**6)) == notices[::-1]


@pytest.mark.slow
def test_kill_9_at_any_moment(url):
    moments = random.Random(20_260_101)
    for _ in range(12 if url.startswith("sqlite") else 5):
        reported = run_and_kill(url, moments.uniform(0.0, 0.25))
        with Ledger.open(url, create=False) as ledger:
            states = ledger.states()
            (n,) = {states[target].seq for target in TARGETS}
            assert n in (reported, reported + 1)  # the last may have been done, but not reported
            check(ledger, n)
