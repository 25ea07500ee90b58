"""A clock that stands still, and a local AWS over HTTP. Fixtures, by way of `conftest.py`."""

import pytest

from forescale.runtime.clock import VirtualClock

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z, a whole day


@pytest.fixture
def clock():
    return VirtualClock(START)


@pytest.fixture
def aws(clock):
    """A local AWS; instances boot in two minutes of the clock."""
    from forescale.demo.local_aws import LocalAws

    with LocalAws(clock, boot_delay=120.0) as local:
        yield local


@pytest.fixture
def clients(aws):
    """Clients that may write to it."""
    clients = aws.clients()
    yield clients
    clients.close()


@pytest.fixture
def reader(aws):
    """Clients that may only read from it."""
    clients = aws.clients(writable=False)
    yield clients
    clients.close()
