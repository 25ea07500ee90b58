"""Starter files: what `forescale init` writes, and what the examples of the project are."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

GROUP = "web-asg"
REGION = "eu-west-1"
# Plain YAML that stays text: letters first, so neither a number nor a date; and no word YAML types.
_PLAIN = re.compile(r"(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z][A-Za-z0-9_.-]*", re.IGNORECASE)


class Preset(NamedTuple):
    """A starter file, and what it is for in one line."""

    file: str
    purpose: str


PRESETS = {
    "asg": Preset("asg-cpu.yaml", "an Auto Scaling Group by its CPU: the smallest file"),
    "predictive": Preset("predictive.yaml", "ahead of demand, within a budget of violations; no tuning"),
    "asg-requests": Preset("asg-requests.yaml", "a group behind a load balancer by its requests per second"),
    "schedule": Preset("schedule.yaml", "CPU, and known hours by the clock"),
    "horizontal": Preset("horizontal-signals.yaml", "CPU, memory, network and disk of every instance"),
    "multi-target": Preset(
        "multi-target.yaml", "three groups with shared defaults, step and schedule policies"
    ),
}


def template(preset: str) -> str:
    """The starter file as it stands, with an example group and region."""
    return files(__name__).joinpath(PRESETS[preset].file).read_text(encoding="utf-8")


def render(preset: str, *, group: str | None = None, region: str | None = None) -> str:
    """The starter file for a group and a region; the example's own where left out."""
    lines = _fill(template(preset), GROUP, group)
    return _fill(lines, REGION, region)


def _fill(text: str, example: str, value: str | None) -> str:
    return text if value is None else "".join(_filled(text, example, _quoted(value)))


def _filled(text: str, example: str, value: str) -> Iterator[str]:
    """Each line, the example replaced where it is a value; a comment behind it keeps its column."""
    for line in text.splitlines(keepends=True):
        match = re.fullmatch(rf"(\s*[\w-]+: ){re.escape(example)}( *)(#.*)?(\n?)", line)
        if not match:
            yield line
            continue
        gap = max(len(match[2]) + len(example) - len(value), 2) if match[3] else 0
        yield f"{match[1]}{value}{' ' * gap}{match[3] or ''}{match[4]}"


def _quoted(value: str) -> str:
    """The value as YAML text that means just this text."""
    if _PLAIN.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=not value.isprintable()).replace("$", "$$")
