"""Policies: one file each. A new one is its file, a line in this registry, a heading in the docs."""

from forescale.policy.target_tracking import TargetTracking

AnyPolicy = TargetTracking
"""Any registered policy, told apart by its `type`."""

__all__ = ["AnyPolicy", "TargetTracking"]
