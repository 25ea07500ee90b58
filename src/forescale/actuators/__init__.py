"""Actuators: one file each. A new one is its file, a line in this registry, a heading in the docs."""

from forescale.actuators.asg import AsgHub, AsgSettings

ACTUATORS = {
    "asg": AsgHub,
}
"""The hub of each actuator, by the `type` of its settings (`hub.settings`)."""

AnyActuator = AsgSettings
"""The settings of any registered actuator, told apart by their `type`."""

__all__ = ["ACTUATORS", "AnyActuator", "AsgHub", "AsgSettings"]
