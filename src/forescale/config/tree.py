"""A configuration as it was written: values that know the line and column they stand at.

Everything between the file and the models works on this tree (references, shorthands,
defaults), so an error found at the very end still points to what somebody typed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from forescale.config.problems import Problem, mask

Scalar: TypeAlias = str | int | float | bool | None
Path: TypeAlias = tuple[str | int, ...]


class Broken(Enum):
    """Stands where a reference could not be resolved: no model takes it, and it is reported once."""

    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Document:
    """Where values come from: a file and its lines, or something without lines (a variable)."""

    name: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a document; line and column count from 1, line 0 is the whole of it."""

    document: Document
    line: int = 0
    column: int = 0

    def problem(self, message: str, *, path: str = "", read: str = "", expected: str = "") -> Problem:
        """Something wrong at this place."""
        lines = self.document.lines
        excerpt = lines[self.line - 1].rstrip() if 0 < self.line <= len(lines) else ""
        return Problem(
            file=self.document.name,
            line=self.line,
            column=self.column,
            path=path,
            message=mask(message),
            read=mask(read),
            expected=expected,
            excerpt=mask(excerpt).replace("\t", " "),
        )


@dataclass(slots=True)
class Node:
    """A value and its place.

    `value` is a dict of nodes, a list of nodes or a scalar. `path` is where it was written, which
    stays when a default is inherited. `key` is the place of the key it stands under, where
    there is one. `written` is the text in the file where that holds
    references such as `${NAME}`; `plain` says that the text was not quoted, so that what the
    references stand for is typed as YAML would type it. `secrets` are the values filled in.
    """

    value: "dict[str, Node] | list[Node] | Scalar | Broken"
    mark: Mark
    key: Mark | None = None
    path: Path = ()
    written: str = ""
    plain: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def start(self) -> Mark:
        """The place of the key, or of the value where it stands under none."""
        return self.key or self.mark

    @property
    def children(self) -> "dict[str, Node]":
        """The entries of a mapping; none of anything else."""
        return self.value if isinstance(self.value, dict) else {}

    def data(self) -> Any:
        """The plain Python value."""
        if isinstance(self.value, dict):
            return {key: child.data() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.data() for child in self.value]
        return self.value

    def scalars(self) -> "Iterator[Node]":
        """Every scalar at or below this node."""
        if isinstance(self.value, dict | list):
            for child in self.value.values() if isinstance(self.value, dict) else self.value:
                yield from child.scalars()
        else:
            yield self

    def problem(self, message: str, *, read: str = "", expected: str = "") -> Problem:
        """Something wrong with the value (of a mapping: its key); what was filled in stays hidden."""
        hidden = self._secrets()
        if hidden:  # the longest first: one may be part of another
            words = "|".join(re.escape(secret) for secret in sorted(hidden, key=len, reverse=True))
            message = re.sub(rf"(?<!\w)({words})(?!\w)", lambda match: hidden[match[0]], message)
        node = self._named_by(message)
        if node is not self:
            return node.problem(message, read=read, expected=expected)
        place = self.start if isinstance(self.value, dict | list) else self.mark
        return place.problem(message, path=dotted(self.path), read=read or self.shown(), expected=expected)

    def _named_by(self, message: str) -> "Node":
        """The node below this one that a message begins with, as in `demand.signal 'x' is not ...`."""
        node = self
        for name, index in re.findall(r"(\w+)|\[(\d+)\]", message.partition(" ")[0]):
            node = child(node, name or int(index)) or node
        return node

    def shown(self) -> str:
        """The value as a message may show it: as written, never what a reference stands for."""
        if isinstance(self.value, dict | list):
            kind = "a list" if isinstance(self.value, list) else "keys and values"
            return kind if self.value else f"empty: {self.data()}"
        return self.written or ("nothing" if self.value is None else mask(repr(self.value)))

    def _secrets(self) -> dict[str, str]:
        """What was filled in at or below this node, and what may be shown in its place."""
        filled = [node for node in self.scalars() if node.secrets]
        parts = {secret: "***" for node in filled for secret in node.secrets if secret}
        return parts | {str(node.value): node.written for node in filled if node.value not in ("", None)}


def child(node: Node, part: str | int) -> Node | None:
    """The entry of a mapping or list, where there is one."""
    if isinstance(node.value, dict) and isinstance(part, str):
        return node.value.get(part)
    if isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
        return node.value[part]
    return None


def merge(base: Node, over: Node) -> Node:
    """`over` on top of `base`: mappings key by key, anything else replaces.

    A mapping whose `type` differs from the one below it is another kind of thing and
    replaces it whole.
    """
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    kinds = [node.children["type"].value for node in (base, over) if "type" in node.children]
    if len(kinds) == 2 and kinds[0] != kinds[1]:
        return over
    merged = dict(base.value)
    for key, child in over.value.items():
        merged[key] = merge(merged[key], child) if key in merged else child
    return Node(merged, over.mark, over.key, over.path)


def dotted(path: Path) -> str:
    """`targets.web.policies[0].target`, as people write a path."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
