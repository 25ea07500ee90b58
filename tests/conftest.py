"""Fixtures that several rooms share."""

import os

import pytest
from hypothesis import settings

import servers
from aws_fixtures import aws, clients, clock, reader  # noqa: F401 - fixtures are found by name

# The same examples every time, however busy the machine: a red test is a change, not a die.
settings.register_profile("forescale", derandomize=True, deadline=None, database=None)
settings.load_profile("forescale")


@pytest.fixture(scope="session")
def meeting(tmp_path_factory):
    """A directory that all workers of one test run see."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "servers"


def _serve(kind, meeting):
    if servers.find(kind) is None:
        why = f"no {kind.name} server is installed: run scripts/servers.sh"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return servers.server(kind, meeting)


@pytest.fixture(scope="session")
def mariadb_url(meeting):
    """A MariaDB server's URL, for a user who may create databases."""
    with _serve(servers.MARIADB, meeting) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url(meeting):
    """A PostgreSQL server's URL, for a user who may create databases."""
    with _serve(servers.POSTGRES, meeting) as url:
        yield url


@pytest.fixture(scope="session")
def prometheus_url(meeting):
    """A Prometheus that remembers what `servers` says, for who logs in as `PROMETHEUS_LOGIN`."""
    with _serve(servers.PROMETHEUS, meeting) as url:
        yield url
