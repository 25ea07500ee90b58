"""From the tree to the models; what the models refuse becomes problems at the place it was written."""

import re
from typing import Any, NamedTuple

from pydantic import ValidationError

from forescale.config.guide import Guide, did_you_mean, listed
from forescale.config.problems import Problem
from forescale.config.settings import Config
from forescale.config.tree import Broken, Node, Path, child, dotted

_NAME = "letters, digits, '-', '_' and '.', beginning with a letter or digit, at most 63"
_ROUNDS = 3  # how often what is wrong is set aside to see what else is


def validate(root: Node, guide: Guide) -> tuple[Config | None, list[Problem]]:
    """The configuration, or everything that is wrong with it. Sets aside wrong values in `root`.

    A model looks at how its fields fit together only once each of them is valid; so, to show
    every error at once, wrong values are taken out and the rest is looked at again. What
    is found then counts only where it does not speak of something that was taken out.
    """
    problems: list[Problem] = []
    removed: list[Removed] = []
    for _ in range(_ROUNDS):
        try:
            config = Config.model_validate(root.data())
        except ValidationError as error:
            details = [(detail, _data_path(detail, root)) for detail in error.errors(include_url=False)]
        else:
            return (None if removed else config), problems
        for detail, path in details:
            if not removed or _is_independent(detail, _walk(root, path), removed):
                problem = _translate(detail, path, root, guide)
                problems += [problem] if problem else []
        taken = _take_out(root, [path for _, path in details])
        if not taken:
            break
        removed += taken
    return None, problems


class Removed(NamedTuple):
    """A value that was taken out: what it was in, outermost first, and the key it had (an item: its list)."""

    holders: tuple[Node, ...]
    key: str
    node: Node


def _is_independent(detail: Any, node: Node | None, removed: list[Removed]) -> bool:
    """What does not fit together does so whatever the values below it were that were taken out."""
    if detail["type"] != "value_error":
        return False
    words = re.findall(r"\w+", str(detail["ctx"]["error"]))
    return not any(gone.key in words and any(node is holder for holder in gone.holders) for gone in removed)


def _take_out(root: Node, paths: list[Path]) -> list[Removed]:
    """Remove what is wrong: the scalar, or the list item it is in."""
    taken = [found for path in paths if (found := _removable(root, path))]
    for holders, _, node in taken:
        holder = holders[-1]
        if isinstance(holder.value, list):
            holder.value = [item for item in holder.value if item is not node]
        elif isinstance(holder.value, dict):
            holder.value = {key: item for key, item in holder.value.items() if item is not node}
    return taken


def _removable(root: Node, path: Path) -> Removed | None:
    chain = [root]
    while len(chain) <= len(path) and (found := child(chain[-1], path[len(chain) - 1])):
        chain.append(found)
    keys = ["", *map(str, path)]
    if len(chain) > len(path) > 0 and not isinstance(chain[-1].value, dict | list):
        is_item = isinstance(path[-1], int)
        return Removed(tuple(chain[:-1]), keys[-2 if is_item else -1], chain[-1])
    for depth in range(len(chain) - 1, 0, -1):
        if isinstance(chain[depth - 1].value, list):
            return Removed(tuple(chain[:depth]), keys[depth - 1], chain[depth])
    return None


def _walk(root: Node, path: Path) -> Node | None:
    node: Node | None = root
    for part in path:
        node = child(node, part) if node else None
    return node


def _data_path(detail: Any, root: Node) -> Path:
    """The part of pydantic's location that is a path in the file.

    Between the keys and indices, pydantic names the branches of unions it went through: the
    `type` of a kind, or a type such as `int`.
    """
    path: list[str | int] = []
    node, is_told_apart = root, False
    for part in detail["loc"]:
        kind = node.children.get("type")
        if kind and kind.value == part and not is_told_apart:
            is_told_apart = True
        elif (found := child(node, part)) is not None:
            path.append(part)
            node, is_told_apart = found, False
    return (*path, detail["loc"][-1]) if detail["type"] == "missing" else tuple(path)


def _translate(detail: Any, path: Path, root: Node, guide: Guide) -> Problem | None:
    """A problem for one of pydantic's errors; none where it was reported already."""
    kind = detail["type"]
    if kind == "missing":
        return _missing(root, path, guide)
    node = _walk(root, path) or root
    branches = guide.at(root, path)
    if node.value is Broken.BROKEN or _follows_from_items(kind, node, detail):
        return None
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _wrong_kind(node, guide.kinds(branches))
    if kind == "value_error":
        return node.problem(str(detail["ctx"]["error"]))
    if detail["loc"][-1] == "[key]":
        return node.start.problem(
            f"{path[-1]!r} is not a name", path=dotted(path), read=str(path[-1]), expected=_NAME
        )
    if kind == "string_type" and isinstance(node.value, int | float):
        return node.problem(f"read {node.shown()}, which is no text", expected="text; put it in quotes")
    words = [str(value) for branch in branches for value in branch.get("enum", ())]
    guess = did_you_mean(node.value, words) if isinstance(node.value, str) and not node.secrets else ""
    expected = guide.describe(branches) or detail["msg"].removeprefix("Input should be ")
    return node.problem(f"read {node.shown()}{guess}", expected=expected)


def _follows_from_items(kind: str, node: Node, detail: Any) -> bool:
    """Pydantic calls a list too short also where it is long enough and items are wrong."""
    return (
        kind == "too_short"
        and isinstance(node.value, list | dict)
        and len(node.value) >= detail["ctx"]["min_length"]
    )


def _missing(root: Node, path: Path, guide: Guide) -> Problem:
    parent = _walk(root, path[:-1]) or root
    if len(path) == 3 and path[0] == "targets" and path[-1] == "actuator":
        return parent.problem("it does not say what it scales", expected="group: NAME-OF-THE-GROUP")
    return parent.problem(f"{path[-1]!r} is missing", expected=guide.describe(guide.at(root, path)))


def _wrong_kind(node: Node, kinds: list[str]) -> Problem:
    given = node.children.get("type")
    if given is None:
        return node.problem("'type' is missing", expected=listed([f"type: {kind}" for kind in kinds]))
    guess = did_you_mean(str(given.value), kinds)
    return given.problem(f"unknown type {given.shown()}{guess}", expected=listed(kinds))
