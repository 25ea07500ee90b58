"""Every registered source keeps the contract. A new one needs a harness, and is missed without."""

import pytest
from aws_harness import CloudWatchHarness
from source_contract import SourceContract

from forescale.sources import SOURCES

HARNESSES = {"cloudwatch": CloudWatchHarness}


def test_every_registered_source_has_a_harness():
    assert set(HARNESSES) == set(SOURCES)


@pytest.fixture(params=sorted(SOURCES))
def kind(request):
    return request.param


@pytest.fixture
def world(kind, aws, clients, reader, clock):
    return HARNESSES[kind](aws, clients, reader, clock)


class TestSources(SourceContract):
    pass
