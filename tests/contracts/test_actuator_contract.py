"""Every registered actuator keeps the contract. A new one needs a harness, and is missed without."""

import pytest
from actuator_contract import ActuatorContract
from aws_harness import AsgHarness

from forescale.actuators import ACTUATORS

HARNESSES = {"asg": AsgHarness}


def test_every_registered_actuator_has_a_harness():
    assert set(HARNESSES) == set(ACTUATORS)


@pytest.fixture(params=sorted(ACTUATORS))
def kind(request):
    return request.param


@pytest.fixture
def world(kind, aws, clients, reader, clock):
    return HARNESSES[kind](aws, clients, reader, clock)


class TestActuators(ActuatorContract):
    pass
