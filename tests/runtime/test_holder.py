"""Whose lease need not be waited for: only that of a process known to be dead."""

import os
import signal
import subprocess
import sys

import pytest

from forescale.runtime import holder as room
from forescale.runtime.holder import gone, holder


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def of(process):
    """What the holder's name is in that process."""
    host, machine, _, chance = holder().split(":")
    return f"{host}:{machine}:{process.pid}:{chance}"


def test_no_two_are_alike():
    assert holder() != holder()


def test_a_process_is_gone_when_it_was_killed(sleeper):
    name = of(sleeper)
    assert not gone(name)
    os.kill(sleeper.pid, signal.SIGKILL)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert gone(name), "nobody has asked yet how it ended"
    sleeper.wait()
    assert gone(name)


def test_one_with_our_own_number_is_a_former_one():
    assert gone(holder())


@pytest.mark.parametrize("part", [0, 1])
def test_of_another_machine_or_container_nothing_is_known(sleeper, part):
    sleeper.kill()
    sleeper.wait()
    parts = of(sleeper).split(":")
    parts[part] = "another"
    assert not gone(":".join(parts))


@pytest.mark.parametrize("name", ["", "first", "a:b", "a:b:c:d", "::::"])
def test_nor_of_a_name_that_is_none_of_ours(name):
    assert not gone(name)


def test_where_there_is_no_proc_the_host_has_to_do():
    assert room._read("/nonexistent/boot_id") == room._link("/nonexistent/pid") == ""
    assert not room._defunct(2**30)
