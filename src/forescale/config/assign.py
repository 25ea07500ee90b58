"""Settings of a target given on the command line: `--set KEY=VALUE`, over those of the file."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from forescale.config.expand import TARGET
from forescale.config.interpolate import fill_variables
from forescale.config.parse import parse
from forescale.config.problems import InvalidConfig, Problem
from forescale.config.tree import Document, Mark, Node, Path, child, dotted
from forescale.model.errors import ConfigError

_STEP = re.compile(r"\.?([A-Za-z_][\w-]*)|\.?\[?(\d+)\]?")
_KEY = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*|\.\d+|\[\d+\])*")
_FORM = "KEY=VALUE, such as guards.max=20 or policies[0].target=70%"


class Overrides(NamedTuple):
    """What to set over the file: `KEY=VALUE` texts, and the budget of the first predictive policy.

    `target` is the one they are meant for; left out, the only one of the file.
    """

    sets: tuple[str, ...] = ()
    budget: str | None = None
    target: str | None = None


def assign(root: Node, overrides: Overrides, env: Mapping[str, str]) -> list[Problem]:
    """Put the values into the tree, their marks naming the option they came with.

    Values are YAML; they may refer to variables. Raises `ConfigError` for a budget where no
    policy is predictive. Nothing is done to a file of several targets where none is chosen.
    """
    targets = root.children["targets"].children if "targets" in root.children else {}
    name = overrides.target or (next(iter(targets)) if len(targets) == 1 else None)
    if name not in targets:
        return []  # reported where the target is picked
    problems: list[Problem] = []
    for option, text in _texts(targets[name], overrides):
        place = Mark(Document(f"{option} {text.partition('=')[2] if option == '--budget' else text}"))
        problem = _assign(targets, name, text, place, env)
        problems += [problem] if problem else []
    return problems


def _texts(target: Node, overrides: Overrides) -> list[tuple[str, str]]:
    texts = [("--set", text) for text in overrides.sets]
    if overrides.budget is not None:
        texts.append(("--budget", f"{_budget_key(target)}={overrides.budget}"))
    return texts


def _budget_key(target: Node) -> str:
    policies = target.children.get("policies")
    items = policies.value if policies and isinstance(policies.value, list) else []
    for index, policy in enumerate(items):
        kind = policy.children.get("type")
        if kind is not None and kind.value == "predictive":
            return f"policies[{index}].budget"
    raise ConfigError(
        "--budget needs a predictive policy, and this target has none",
        hint="add one to the file: policies: [{type: predictive, budget: 1%}]",
    )


def _assign(
    targets: dict[str, Node], name: str, text: str, place: Mark, env: Mapping[str, str]
) -> Problem | None:
    key, has_value, value = text.partition("=")
    key = key.strip()
    if not has_value or not _KEY.fullmatch(key):
        return place.problem(f"read {text!r}", expected=_FORM)
    path = tuple(int(index) if index else word for word, index in _STEP.findall(key))
    path = TARGET.get(str(path[0]), (path[0],)) + path[1:]
    try:
        node = _value(value, place, ("targets", name, *path))
    except InvalidConfig as error:
        return place.problem(f"{value!r} is not YAML: {error.problems[0].message}", path=key)
    broken = fill_variables(Node({"value": node}, place), env)
    if broken:
        return broken[0]
    changed = _put(targets[name], path, node, place)
    if isinstance(changed, Problem):
        return changed
    targets[name] = changed
    return None


def _value(text: str, place: Mark, path: Path) -> Node:
    """The node of a value, all of it placed at the option."""
    document = Document(place.document.name, (f"value: {text}",))
    return _placed(parse(document).children["value"], place, path)


def _placed(node: Node, place: Mark, path: Path) -> Node:
    if isinstance(node.value, dict):
        entries = {key: _placed(inner, place, (*path, key)) for key, inner in node.value.items()}
        return Node(entries, place, place, path)
    if isinstance(node.value, list):
        items = [_placed(item, place, (*path, index)) for index, item in enumerate(node.value)]
        return Node(items, place, place, path)
    return Node(node.value, place, place, path, node.written, node.plain)


def _put(node: Node, path: Path, value: Node, place: Mark, done: Path = ()) -> Node | Problem:
    """The node with the value at a path below it; copied on the way, for defaults are shared."""
    if not path:
        return value
    part, here = path[0], (*done, path[0])
    if isinstance(part, int):
        items = node.value if isinstance(node.value, list) else []
        if part >= len(items):
            return _no_item(place, len(items), here)
        changed = _put(items[part], path[1:], value, place, here)
        if isinstance(changed, Problem):
            return changed
        return Node([*items[:part], changed, *items[part + 1 :]], node.mark, node.key, node.path)
    if not isinstance(node.value, dict) and node.value is not None:
        return place.problem(f"{dotted(done)} has no keys: it is {node.shown()}", path=dotted(here))
    inner = child(node, part) or Node(None, place, place, (*node.path, part))
    changed = _put(inner, path[1:], value, place, here)
    if isinstance(changed, Problem):
        return changed
    return Node({**node.children, part: changed}, node.mark, node.key, node.path)


def _no_item(place: Mark, count: int, path: Path) -> Problem:
    items = {0: "no items", 1: "one item"}.get(count, f"{count} items")
    expected = f"an index below {count}" if count else f"the whole list: {dotted(path[:-1])}=[{{...}}]"
    return place.problem(f"{dotted(path[:-1])} has {items} in the file", path=dotted(path), expected=expected)
