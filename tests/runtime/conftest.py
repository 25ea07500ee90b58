"""Fixtures of the runtime's tests."""

import pytest
import structlog

from forescale.runtime import log
from forescale.store import Ledger
from runtime_world import START, JumpingClock, Lines


@pytest.fixture(autouse=True)
def logs():
    """As in production; pytest shows them where a test fails."""
    log.configure("json", "debug")
    yield
    structlog.reset_defaults()


@pytest.fixture
def clock():
    """A clock that stands still until told, and that can be set."""
    return JumpingClock(START)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        yield ledger


@pytest.fixture
def lines():
    """What is logged from here on."""
    return Lines()
