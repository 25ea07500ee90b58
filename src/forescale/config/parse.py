"""YAML text to a tree of placed values; every mistake in the text is a problem, none an exception."""

import re
from collections.abc import Iterator
from math import isfinite
from pathlib import Path as FilePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from forescale.config.problems import InvalidConfig, Problem
from forescale.config.tree import Document, Mark, Node, Path, Scalar
from forescale.model.errors import ConfigError

_STANDARD = "tag:yaml.org,2002:"
_KINDS = frozenset({"map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value"})
_MAX_NODES = 100_000  # far above any real file; stops aliases that multiply without end

_yaml = YAML(typ="safe", pure=True)


def read(path: FilePath) -> Document:
    """The file's lines. Raises `ConfigError` where it cannot be read as text."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"there is no file {path}", hint=f"write a starter file with: forescale init {path}"
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a directory, not a file", hint="name the YAML file in it") from None
    except PermissionError:
        raise ConfigError(f"{path} may not be read", hint=f"check its permissions: ls -l {path}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}:{line}: byte {error.object[error.start]:#04x} is not UTF-8 text",
            hint="save the file as UTF-8",
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    return Document(str(path), tuple(re.split(r"\r\n|\r|\n", text)))


def parse(document: Document) -> Node:
    """The tree of a document that holds one mapping.

    Raises `InvalidConfig` with every problem found in the text.
    """
    root = _compose(document)
    builder = _Builder(document)
    tree = builder.build(root, None, ())
    if not isinstance(tree.value, dict):
        builder.problems.append(
            tree.mark.problem("the file must hold keys and values", expected="region: ...")
        )
    if builder.problems:
        raise InvalidConfig(builder.problems)
    return tree


def scalar(text: str) -> Scalar:
    """What YAML reads an unquoted text as: `5` is an int, `true` a bool, an empty one null.

    Raises ValueError where it looks like a number and is none.
    """
    tag = str(_yaml.resolver.resolve(ScalarNode, text, (True, False)))
    return _construct(tag, text)


def _construct(tag: str, text: str) -> Scalar:
    kind = tag.removeprefix(_STANDARD)
    if kind in ("int", "float", "bool", "null"):
        value: Scalar = _yaml.constructor.construct_object(ScalarNode(tag, text))
        if isinstance(value, float) and not isfinite(value):
            raise ValueError("a finite number is needed")
        return value
    return text  # a date stays the text it was written as: JSON and editors know no other


_REFERENCE = re.compile(r"""(?<=\$)\{[^{}"'\n]*\}""")  # a quote ends the text before the reference does
_SHIELDED = re.compile("(?<=\\$)\ue07b[^{}\n]*?\ue07d")
_SHIELD = {i: 0xE000 + i for i in range(128)}
_UNSHIELD = {there: here for here, there in _SHIELD.items()}


def _shield(text: str) -> str:
    """References made opaque to YAML, character by character, so that `{max: ${MAX}}` works too."""
    return _REFERENCE.sub(lambda match: match[0].translate(_SHIELD), text)


def _text(raw: str) -> str:
    """What YAML read, with its references; JSON writes some characters as two escapes, which are joined."""
    if not raw.isascii() and any("\ud800" <= character <= "\udfff" for character in raw):
        raw = raw.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _unshield(raw)


def _unshield(text: str) -> str:
    return _SHIELDED.sub(lambda match: match[0].translate(_UNSHIELD), text)


def _compose(document: Document) -> Any:
    try:
        nodes = list(_documents(_shield("\n".join(document.lines) + "\n")))
    except MarkedYAMLError as error:
        raise InvalidConfig([_syntax_problem(document, error)]) from None
    except (YAMLError, ValueError) as error:  # characters that YAML does not allow, among others
        raise InvalidConfig([Mark(document).problem(_first_line(error))]) from None
    except RecursionError:
        raise InvalidConfig([Mark(document).problem("the file is nested too deeply")]) from None
    if not nodes:
        raise ConfigError(
            f"{document.name} is empty",
            hint=f"write a starter file with: forescale init {document.name} --force",
        )
    if len(nodes) > 1:
        place = nodes[1].start_mark
        mark = Mark(document, place.line + 1, place.column + 1)
        raise InvalidConfig([mark.problem("a second YAML document begins; write one file with one document")])
    return nodes[0]


def _documents(text: str) -> Iterator[Any]:
    for node in YAML(typ="safe", pure=True).compose_all(text):
        if not (isinstance(node, ScalarNode) and node.value == "" and node.style is None):
            yield node


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _syntax_problem(document: Document, error: MarkedYAMLError) -> Problem:
    place = error.problem_mark or error.context_mark
    if place and place.line >= len(document.lines) - 1 and error.context_mark:
        place = error.context_mark  # the end of the file says nothing: where did it begin?
    if place and place.line >= len(document.lines):
        mark = Mark(document, len(document.lines), 1)
    else:
        mark = Mark(document, place.line + 1, place.column + 1) if place else Mark(document)
    line = document.lines[place.line] if place and place.line < len(document.lines) else ""
    said = _unshield(" ".join(str(part).strip() for part in (error.context, error.problem) if part))
    if re.match(r"\s*\t", line) or "'\\t'" in said:
        tab = Mark(document, mark.line, line.index("\t") + 1) if "\t" in line else mark
        return tab.problem("a tab; YAML indents with spaces", read="tab", expected="spaces")
    if "mapping values are not allowed" in said:
        said += " (an unquoted value that holds `: `, or a wrong indent?)"
    if "cannot start any token" in said:
        said += "; put the value in quotes"
    return mark.problem(f"this is not YAML: {said}")


class _Builder:
    """Turns composed YAML nodes into ours and gathers what is wrong on the way."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self._open: list[int] = []
        self._count = 0

    def build(self, node: Any, key: Mark | None, path: Path) -> Node:
        """Our node for a YAML node that stands under a key."""
        mark = self._mark(node)
        self._count += 1
        if id(node) in self._open or self._count > _MAX_NODES:
            why = "an alias that contains itself" if id(node) in self._open else "too many values"
            if self._count <= _MAX_NODES + 1:
                self.problems.append(mark.problem(why))
            return Node(None, mark, key, path)
        if str(node.tag).removeprefix(_STANDARD) not in _KINDS:
            self.problems.append(mark.problem(f"the tag {node.tag} means nothing here", expected="no tag"))
            return Node(None, mark, key, path)
        if isinstance(node, ScalarNode):
            return self._scalar(node, mark, key, path)
        self._open.append(id(node))
        try:
            if isinstance(node, MappingNode):
                return Node(self._mapping(node, path), mark, key, path)
            items = [self.build(child, None, (*path, i)) for i, child in enumerate(node.value)]
            return Node(items, mark, key, path)
        finally:
            self._open.pop()

    def _mark(self, node: Any) -> Mark:
        return Mark(self.document, node.start_mark.line + 1, node.start_mark.column + 1)

    def _scalar(self, node: Any, mark: Mark, key: Mark | None, path: Path) -> Node:
        is_plain = node.style is None
        if not node.value and is_plain and key:
            mark = key  # nothing is written: YAML would have it begin at whatever comes next
        found = Node(None, mark, key, path, plain=is_plain)
        if "$" in node.value:
            found.value = found.written = _text(node.value)
        else:
            try:
                found.value = _construct(str(node.tag), _text(node.value))
            except (YAMLError, ValueError) as error:
                self.problems.append(mark.problem(f"not a value: {_first_line(error)}", read=node.value))
        return found

    def _mapping(self, node: Any, path: Path) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key_node, value_node in node.value:
            mark = self._mark(key_node)
            if not isinstance(key_node, ScalarNode):
                self.problems.append(mark.problem("a key must be a plain word", expected="key: value"))
                continue
            name = _text(key_node.value)
            if str(key_node.tag) == _STANDARD + "merge":
                for key, child in self._merged(value_node, mark, path).items():
                    merged.setdefault(key, child)
            elif name in own:
                first = own[name].start.line
                self.problems.append(mark.problem(f"the key {name!r} is here twice; first on line {first}"))
            else:
                own[name] = self.build(value_node, mark, (*path, name))
        return {**merged, **own}

    def _merged(self, node: Any, mark: Mark, path: Path) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for part in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(part, MappingNode):
                self.problems.append(mark.problem("<< takes a mapping", expected="<<: *name"))
                return {}
            for key, child in self.build(part, None, path).children.items():
                found.setdefault(key, child)
        return found
