"""Shorthands written out, and defaults laid beneath every target."""

from collections.abc import Mapping

from forescale.config.problems import Problem
from forescale.config.tree import Node, dotted, merge

# what may be written -> what it stands for
FILE = {"region": ("aws", "region")}
TARGET = {"group": ("actuator", "group")}
# The `type` that an actuator or a signal has where it does not say.
ACTUATOR, SIGNAL = "asg", "cloudwatch"


def drop_free_keys(root: Node) -> None:
    """Drop the keys `x-...`: they only hold anchors."""
    for key in [key for key in root.children if key.startswith("x-")]:
        del root.children[key]


def expand_file(root: Node) -> list[Problem]:
    """Write out the shorthands at the top of the file."""
    return _expand(root, FILE)


def expand_targets(root: Node) -> list[Problem]:
    """Write out the shorthands of each target and lay it on top of `defaults`."""
    problems: list[Problem] = []
    defaults = root.children.pop("defaults", None)
    if defaults and defaults.value is None:
        defaults = None
    if defaults:
        problems += _expand(defaults, TARGET)
    targets = root.children["targets"].children if "targets" in root.children else {}
    for name, target in targets.items():
        problems += _expand(target, TARGET)
        targets[name] = merge(defaults, target) if defaults else target
    name_kinds(root)
    return problems


def name_kinds(root: Node) -> None:
    """Write out the `type` of every actuator and signal that does not say it."""
    for target in root.children["targets"].children.values() if "targets" in root.children else ():
        _name_kinds(target)


def _name_kinds(target: Node) -> None:
    signals = target.children["signals"].children if "signals" in target.children else {}
    kinds = [(signal, SIGNAL) for signal in signals.values()]
    if "actuator" in target.children:
        kinds.append((target.children["actuator"], ACTUATOR))
    for node, kind in kinds:
        if isinstance(node.value, dict) and "type" not in node.value:
            node.value["type"] = Node(kind, node.mark, node.key, (*node.path, "type"))


def _expand(node: Node, shorthands: Mapping[str, tuple[str, str]]) -> list[Problem]:
    problems: list[Problem] = []
    for short, (key, inner) in shorthands.items():
        if short not in node.children:
            continue
        value = node.children.pop(short)
        long = node.children.get(key)
        if long is None or long.value is None:
            node.children[key] = Node({inner: value}, value.mark, value.key, value.path)
        elif inner in long.children:
            said = f"{short!r} and {key}.{inner} are both given"
            problems.append(value.start.problem(said, path=dotted(value.path), expected="one of them"))
        elif isinstance(long.value, dict):
            long.value[inner] = value
    return problems
