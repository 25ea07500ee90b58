"""The configuration: one YAML file, many targets, every mistake shown at once and at its place."""

from forescale.config.assign import Overrides
from forescale.config.json_schema import schema
from forescale.config.loader import load
from forescale.config.problems import InvalidConfig, Problem
from forescale.config.settings import Config, Target

__all__ = ["Config", "InvalidConfig", "Overrides", "Problem", "Target", "load", "schema"]
