"""Policies: one file each. A new one is its file, a line in this registry, a heading in the docs."""

from typing import Annotated

from pydantic import Field

from forescale.policy.predictive import Predictive
from forescale.policy.schedule import Schedule
from forescale.policy.step import Step, Threshold
from forescale.policy.target_tracking import TargetTracking

AnyPolicy = Annotated[
    TargetTracking | Step | Threshold | Schedule | Predictive,
    Field(discriminator="type"),
]
"""Any registered policy, told apart by its `type`."""

__all__ = ["AnyPolicy", "Predictive", "Schedule", "Step", "TargetTracking", "Threshold"]
