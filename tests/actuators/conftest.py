"""The world of the Auto Scaling Group's tests."""

import pytest
from asg_world import World


@pytest.fixture
def world(aws, clients, clock):
    return World(aws, clients, clock)
