"""The same tests on every kind of database that a ledger can be in."""

import pytest

import servers
from forescale.store import Ledger

SERVERS = [
    pytest.param("mariadb", marks=pytest.mark.server),
    pytest.param("postgres", marks=pytest.mark.server),
]


@pytest.fixture(params=["sqlite", *SERVERS])
def url(request, tmp_path):
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    with servers.database(request.getfixturevalue(f"{request.param}_url")) as fresh:
        yield fresh


@pytest.fixture(params=SERVERS)
def server_url(request):
    """The URL of an empty database on each kind of server."""
    with servers.database(request.getfixturevalue(f"{request.param}_url")) as fresh:
        yield fresh


@pytest.fixture
def ledger(url):
    """An open ledger of each kind."""
    with Ledger.open(url) as opened:
        yield opened
