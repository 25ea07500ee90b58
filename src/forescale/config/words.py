"""A configuration said back to people: as the YAML it comes to, and in a few lines per target."""

import re
from collections.abc import Mapping
from io import StringIO
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from forescale.config.loader import Loaded
from forescale.config.settings import Config, Target
from forescale.config.tree import Node
from forescale.model.settings import format_duration, parse_duration, parse_ratio
from forescale.policy.guard_settings import Guards
from forescale.policy.predictive import parse_budget

_SECRET = re.compile(r"(?i)pass|secret|token|key|credential|ssm:")


def resolved(loaded: Loaded) -> str:
    """The whole configuration as YAML, defaults and all; secrets are masked or left as references."""
    data = literal(as_written(loaded.config))
    _hide(data, loaded.tree)
    yaml = YAML(pure=True)
    yaml.default_flow_style = False
    yaml.width = 110
    text = StringIO()
    yaml.dump(data, text)
    return text.getvalue()


def as_written(value: Any, dumped: Any = None) -> Any:
    """A model as plain data the way people write it: `5m`, `60%`."""
    if isinstance(value, BaseModel):
        dumped = dumped or value.model_dump(mode="json")
        found = {}
        for name, field in type(value).model_fields.items():
            key = field.alias or name
            found[key] = _quantity(getattr(value, name), dumped[key], _readers(field))
        return found
    if isinstance(value, Mapping):
        return {key: as_written(item, dumped[key]) for key, item in value.items()}
    if isinstance(dumped, list) and isinstance(value, tuple | list):
        return [as_written(item, other) for item, other in zip(value, dumped, strict=True)]
    return dumped


def _readers(field: FieldInfo) -> list[Any]:
    """What reads a setting from how people write it, be the setting optional or not."""
    options = get_args(field.annotation)
    parts = [*field.metadata, *(part for option in options for part in getattr(option, "__metadata__", ()))]
    return [getattr(part, "func", None) for part in parts]


def _quantity(value: Any, dumped: Any, readers: list[Any]) -> Any:
    if parse_duration in readers and isinstance(value, float):
        short = format_duration(value)
        return short if parse_duration(short) == value else dumped
    if (parse_ratio in readers or parse_budget in readers) and isinstance(value, float):
        short = f"{value * 100:g}%"
        return short if parse_ratio(short) == value else value
    return as_written(value, dumped)


def literal(data: Any) -> Any:
    """The data with its dollar signs doubled where they would be taken for a reference."""
    if isinstance(data, dict):
        return {key: literal(value) for key, value in data.items()}
    if isinstance(data, list):
        return [literal(item) for item in data]
    is_ambiguous = isinstance(data, str) and ("$$" in data or "${" in data)
    return data.replace("$", "$$") if is_ambiguous else data


def _hide(data: Any, node: Node) -> None:
    """Put the reference back wherever a value came from a secret place."""
    if isinstance(node.value, dict | list):
        entries = node.value.items() if isinstance(node.value, dict) else enumerate(node.value)
        for key, child in entries:
            if child.secrets and _SECRET.search(child.written):
                data[key] = child.written
            else:
                _hide(data[key], child)


def summary(config: Config) -> list[str]:
    """What the configuration does, in lines for people."""
    mode = "dry run" if config.dry_run else "acts"
    count = f"{len(config.targets)} target{'s' if len(config.targets) != 1 else ''}"
    lines = [f"{count}, evaluated every {format_duration(config.interval)}, {mode}"]
    for name, target in config.targets.items():
        lines += ["", name, *(f"  {line}" for line in _target(target, config.aws.region))]
    return lines


def _target(target: Target, region: str | None) -> list[str]:
    actuator = target.actuator
    where = actuator.region or region
    lines = [f"scales    {actuator.type} {actuator.group}{f' in {where}' if where else ''}"]
    if target.demand:
        carries = f", {target.demand.per_instance:g} per instance" if target.demand.per_instance else ""
        unit = target.signals[target.demand.signal].unit
        lines.append(f"demand    {target.demand.signal} in {unit.replace('_', ' ')}{carries}")
    others = [name for name in target.signals if not target.demand or name != target.demand.signal]
    lines += [f"signals   also {', '.join(others)}"] if others else []
    lines += [f"policy    {in_words(policy)}" for policy in target.policies]
    guards = as_written(target.guards)
    upper = guards.pop("max")
    lines.append(
        f"guards    {guards.pop('min')} to {upper if upper is not None else 'the maximum of the group'}"
    )
    usual = as_written(Guards())
    rules = [name for name in guards if name == "cooldown" or guards[name] != usual[name]]
    lines += [f"          {name.replace('_', ' ')} {_flat(guards[name])}" for name in rules]
    lines.append(f"lead time {format_duration(target.lead_time)} until it is learned")
    return lines


def in_words(policy: BaseModel) -> str:
    """A policy and its settings: `target_tracking: target 60%, out after 3m, ...`."""
    settings = {key: value for key, value in as_written(policy).items() if value is not None}
    kind, name = settings.pop("type"), settings.pop("name")
    for key in ("priority", "headroom"):  # none is nothing to tell
        if not settings.get(key):
            settings.pop(key, None)
    said = ", ".join(f"{key.replace('_', ' ')} {_flat(value)}" for key, value in settings.items())
    return f"{f'{name} ({kind})' if name else kind}: {said}"


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_flat(item)}" for key, item in value.items() if item is not None)
    if isinstance(value, list):
        return "; ".join(_flat(item) for item in value) or "none"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
