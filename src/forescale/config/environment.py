"""Settings from the environment: `.env` beside the file, `FORESCALE_*` overrides, and `DRY_RUN`."""

from collections.abc import Mapping
from difflib import get_close_matches
from io import StringIO
from pathlib import Path as FilePath
from typing import get_args

from dotenv.parser import parse_stream
from pydantic import BaseModel

from forescale.config.expand import FILE
from forescale.config.parse import read
from forescale.config.problems import Problem
from forescale.config.settings import Config
from forescale.config.tree import Document, Mark, Node

PREFIX = "FORESCALE_"
_OWN = "targets"  # a mapping with people's own names: not within reach of a variable


class Environment(dict[str, str]):
    """Variables by name, the process's before those of `.env`; knows where each stands."""

    def __init__(self, variables: Mapping[str, str], dotenv: FilePath) -> None:
        self.problems: list[Problem] = []
        self._marks: dict[str, Mark] = {}
        if dotenv.is_file():
            self._read(dotenv)
        for name, value in variables.items():
            self[name] = value
            self._marks.pop(name, None)

    def mark(self, name: str) -> Mark:
        """The line of `.env` that sets a variable, or the process's environment."""
        return self._marks.get(name) or Mark(Document(f"environment variable {name}"))

    def _read(self, path: FilePath) -> None:
        lines = read(path).lines
        document = Document(str(path))  # without its lines: they hold secrets, and must not be shown
        for binding in parse_stream(StringIO("\n".join(lines))):
            original = binding.original
            blank = len(original.string) - len(original.string.lstrip("\r\n"))
            mark = Mark(document, original.line + original.string[:blank].count("\n"), 1)
            if binding.error:
                self.problems.append(mark.problem("this line is not NAME=value", expected="NAME=value"))
            elif binding.key and binding.value is not None:
                self[binding.key] = binding.value
                self._marks[binding.key] = mark


def override(root: Node, env: Environment) -> list[Problem]:
    """Put file-level settings given by the environment over those of the file.

    `FORESCALE_LOG__LEVEL=debug` is `log: {level: debug}`. An empty variable counts as not
    set; one that nearly names a setting is a problem, for a switch that is not
    heard is worse than none; any other is somebody else's.
    """
    known = dict(_variables(Config, ())) | {PREFIX + short.upper(): path for short, path in FILE.items()}
    problems: list[Problem] = []
    names = [name for name in sorted(env) if name.startswith(PREFIX) and env[name]]
    if env.get("DRY_RUN") and not env.get(f"{PREFIX}DRY_RUN"):
        _put(root, ("dry_run",), env, "DRY_RUN")
    for name in names:
        if name in known:
            _put(root, known[name], env, name)
        elif name.startswith((f"{PREFIX}TARGETS__", f"{PREFIX}DEFAULTS__")):
            problems.append(
                env.mark(name).problem(
                    f"{name}: a variable cannot reach into targets; write ${{NAME}} in the file"
                )
            )
        elif close := get_close_matches(name, known, n=1, cutoff=0.85):
            problems.append(env.mark(name).problem(f"no setting is called {name}; did you mean {close[0]}?"))
    return problems


def _put(root: Node, path: tuple[str, ...], env: Environment, name: str) -> None:
    mark = env.mark(name)
    node = root
    for depth, key in enumerate(path[:-1], 1):
        child = node.children.get(key)
        if child is None or child.value is None:
            child = node.children[key] = Node({}, mark, path=path[:depth])
        node = child
    if isinstance(node.value, dict):  # else the file has something else there, which is reported
        value = env[name]
        node.value[path[-1]] = Node(value, mark, path=path, written=f"${{{name}}}", secrets=(value,))


def _variables(model: type[BaseModel], path: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    """Every setting below a model that a variable can give: its name, and the path."""
    found = []
    for name, field in model.model_fields.items():
        here = (*path, field.alias or name)
        inner = [
            kind
            for kind in (field.annotation, *get_args(field.annotation))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        if inner:
            found += _variables(inner[0], here)
        elif here[0] != _OWN:
            found.append((PREFIX + "__".join(here).upper(), here))
    return found
