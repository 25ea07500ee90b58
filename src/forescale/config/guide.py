"""What the schema says about a place in the file: the keys there, and what a value should look like."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel

from forescale.config.json_schema import REFERENCE, Json, is_duration, is_ratio, resolve, schema
from forescale.config.problems import Problem
from forescale.config.settings import Config
from forescale.config.tree import Node, Path, child, dotted

DURATION = "a duration with its unit, such as 90s, 4m or 1h30m"
RATIO = "a ratio, such as 60% or 0.6"
_SHOWN = 12  # keys or values named in one message
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
    "null": "null",
    "string": "text",
}


@cache
def guide() -> "Guide":
    """The guide to the file; made once, for the schema takes a while to put together."""
    return Guide()


class Guide:
    """Answers questions about places, from the JSON Schema."""

    def __init__(self) -> None:
        self._root = schema()
        self._defs: Json = self._root["$defs"]

    def at(self, root: Node, path: Path) -> list[Json]:
        """The schemas that may hold at a path; where kinds differ by `type`, the one the tree says."""
        node: Node | None = root
        found = list(self._branches(self._root, node))
        for part in path:
            node = child(node, part) if node else None
            found = [
                branch
                for here in found
                for inner in _inner(here, part)
                for branch in self._branches(inner, node)
            ]
        return found

    def keys(self, branches: Sequence[Json]) -> list[str] | None:
        """The keys a mapping may have there; None where people choose them, or there is to be none."""
        mappings = [branch for branch in branches if branch.get("type") == "object"]
        if not mappings or any("properties" not in branch for branch in mappings):
            return None
        return list(dict.fromkeys(key for branch in mappings for key in branch["properties"]))

    def describe(self, branches: Sequence[Json]) -> str:
        """What a value there looks like: `a whole number, at least 1`."""
        said = dict.fromkeys(text for branch in branches if (text := _describe(branch)))
        return " or ".join(said)

    def model(self, model: type[BaseModel]) -> Json:
        """The schema of one of the models."""
        found: Json = self._root if model is Config else self._defs[model.__name__]
        return found

    def branches(self, part: Json) -> list[Json]:
        """The plain schemas that one with references and unions stands for."""
        return list(self._branches(part, None))

    def kinds(self, branches: Sequence[Json]) -> list[str]:
        """The values that `type` may have there."""
        return [str(kind) for branch in branches if (kind := _type(branch)) is not None]

    def misspelt(self, root: Node) -> list[Problem]:
        """Keys that mean nothing, renamed to what was probably meant so that the rest makes sense."""
        problems: list[Problem] = []
        self._check(root, list(self._branches(self._root, root)), problems)
        return problems

    def _check(self, node: Node, branches: list[Json], problems: list[Problem]) -> None:
        if isinstance(node.value, list):
            for index, item in enumerate(node.value):
                inner = [b for s in branches for i in _inner(s, index) for b in self._branches(i, item)]
                self._check(item, inner, problems)
        if not isinstance(node.value, dict):
            return
        if (keys := self.keys(branches)) is not None:
            unknown = [name for name in node.value if name not in keys]
            problems += [_unknown(node, name, keys) for name in unknown]
        for name, inner_node in node.value.items():
            inner = [b for s in branches for i in _inner(s, name) for b in self._branches(i, inner_node)]
            self._check(inner_node, inner, problems)

    def _branches(self, part: Json, node: Node | None) -> Iterator[Json]:
        """The plain schemas that a schema with references and unions stands for."""
        if str(part.get("$ref", "")).endswith(f"/{REFERENCE}"):
            return
        part = resolve(part, self._defs)
        if "anyOf" in part and "examples" in part:  # a quantity: its forms belong together
            yield part
            return
        unions = [alternative for key in ("anyOf", "oneOf", "allOf") for alternative in part.get(key, ())]
        if not unions:
            if part and set(part) != {"required"}:
                yield part
            return
        branches = [branch for alternative in unions for branch in self._branches(alternative, node)]
        kind = node.children["type"].value if node and "type" in node.children else None
        yield from [b for b in branches if kind is not None and _type(b) == kind] or branches


def did_you_mean(word: str, words: Sequence[str]) -> str:
    """`; did you mean 'max'?`, or nothing where no word is near."""
    close = closest(word, words)
    return f"; did you mean {close!r}?" if close else ""


def closest(word: str, words: Sequence[str]) -> str:
    """The most similar word, or an empty one."""
    folded: Mapping[str, str] = {other.lower().replace("-", "_"): other for other in words}
    close = get_close_matches(word.lower().replace("-", "_"), folded, n=1, cutoff=0.65)
    return folded[close[0]] if close else ""


def listed(words: Sequence[str]) -> str:
    """`a, b or c`, cut short where there are many."""
    shown = [*words[:_SHOWN], "..."] if len(words) > _SHOWN else list(words)
    return " or ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def _unknown(node: Node, name: str, keys: list[str]) -> Problem:
    assert isinstance(node.value, dict)  # noqa: S101 - tells mypy what the caller has checked
    found = node.value.pop(name)
    meant = closest(name, [key for key in keys if key not in node.value])
    if meant:
        node.value[meant] = found
    return found.start.problem(
        f"unknown key {name!r}" + (f"; did you mean {meant!r}?" if meant else ""),
        path=dotted((*node.path, name)),
        read=name,
        expected=listed(keys),
    )


def _type(branch: Json) -> Any:
    return branch.get("properties", {}).get("type", {}).get("const")


def _inner(branch: Json, part: str | int) -> Iterator[Json]:
    if isinstance(part, int):
        if isinstance(items := branch.get("items"), dict):
            yield items
        return
    if part in branch.get("properties", {}):
        yield branch["properties"][part]
        return
    yield from branch.get("patternProperties", {}).values()
    if isinstance(extra := branch.get("additionalProperties"), dict):
        yield extra


def _describe(branch: Json) -> str:
    if is_duration(branch):
        return DURATION
    if is_ratio(branch):
        return RATIO
    if "enum" in branch or "const" in branch:
        return listed([str(value) for value in branch.get("enum", [branch.get("const")])])
    examples = f", such as {listed([str(e) for e in branch['examples']])}" if "examples" in branch else ""
    if "anyOf" in branch:
        kinds = [_KINDS[str(form["type"])] for form in branch["anyOf"] if form.get("type") in _KINDS]
        return f"{listed(list(dict.fromkeys(kinds)))}{examples}"
    name = _KINDS.get(str(branch.get("type")), "")
    return f"{name}{_bounds(branch) if not examples else ''}{examples}" if name else ""


def _bounds(branch: Json) -> str:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
        "minItems": "of at least",
        "maxLength": "of at most length",
        "pattern": "that matches",
    }
    said = [f"{word} {branch[key]}" for key, word in words.items() if branch.get(key) not in (None, "")]
    return f", {' and '.join(said)}" if said else ""
