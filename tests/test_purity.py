"""The pure rooms decide; they read no clock, draw no unseeded number and do no I/O.

Replay equality rests on it: what is not in an event must not reach a decision. The test
reads the syntax trees. It allows imports by name rather than forbidding some, because nobody
can list every module that does I/O; of what may be imported it forbids the impure parts.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import forescale

ROOT = Path(forescale.__file__).parent
# The pure rooms, in one place. One that does not exist yet is looked at once it does.
PURE = ("model", "series", "forecast", "thermal", "policy", "engine", "sim")

ALLOWED = {
    "__future__",
    "abc",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "heapq",
    "itertools",
    "math",
    "msgspec",
    "numpy",
    "operator",
    "pydantic",
    "random",  # a seeded generator of one's own; see below
    "re",
    "statistics",
    "types",
    "typing",
    # Reads the time zone database, which is data that does not change while we run: a pinned
    # `tzdata` makes it the same on every machine. Local opening hours cannot be had otherwise.
    "zoneinfo",
}
# What single rooms may import besides. Models are trained by these, with a seed and on one thread;
# `importlib` finds the room's own modules by name.
ROOM_ALLOWED = {
    "forecast": {
        "contextlib",
        "importlib",
        "keras",
        "lightgbm",
        "os",
        "sklearn",
        "statsforecast",
        "warnings",
        "xgboost",
    },
}
# Impure parts of what may be imported. A name stands for itself and all below it.
FORBIDDEN = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "numpy.fromfile",
    "numpy.genfromtxt",
    "numpy.load",
    "numpy.loadtxt",
    "numpy.memmap",
    "numpy.random",
    "numpy.save",
    "numpy.savetxt",
    "numpy.savez",
    "os",
    "random",
    "zoneinfo.available_timezones",
    "zoneinfo.reset_tzpath",
}
# Generators that are pure once they are given a seed.
SEEDED = {"random.Random", "numpy.random.default_rng", "numpy.random.Generator", "numpy.random.PCG64"}
# Keras is told its back end in no other way. It stands for these very words, nothing else of `os`.
SETTING = "os.environ.setdefault"
# Types may be named.
TYPES = {"numpy.random.Generator", "random.Random"}
# Without an argument for the zone these read the local one of the machine.
ZONED = {"fromtimestamp": 2, "astimezone": 1}
# `hash` and `id` differ from one process to the next.
BUILTINS = {
    "__import__",
    "breakpoint",
    "compile",
    "eval",
    "exec",
    "globals",
    "hash",
    "id",
    "input",
    "open",
    "print",
}


def impurities(source: str, room: str = "") -> Iterator[str]:
    """What in a module is not pure: `line: what`."""
    tree = ast.parse(source)
    allowed = ALLOWED | {"forescale"} | ROOM_ALLOWED.get(room, set())
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        for module, local, full in _imports(node):
            top = module.split(".")[0]
            names[local] = full
            if top == "forescale" and module.partition(".")[2].split(".")[0] not in PURE:
                yield f"{node.lineno}: imports {module}, which is no pure room"
            elif top not in allowed:
                yield f"{node.lineno}: imports {module}"
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    typed = {id(part) for node in ast.walk(tree) for part in _annotations(node)}
    setting = {
        id(part) for node in ast.walk(tree) if _dotted(node, names) == SETTING for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute | ast.Name) or not isinstance(node.ctx, ast.Load):
            continue
        if id(node) in setting:
            continue
        if (what := _impure(node, names, called.get(id(node)), id(node) in typed)) is not None:
            yield f"{node.lineno}: {what}"


def _imports(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """(module, local name, full name) of what an import brings in."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.split(".")[0]
            yield alias.name, alias.asname or top, alias.name if alias.asname else top
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            yield module, alias.asname or alias.name, f"{module}.{alias.name}"


def _annotations(node: ast.AST) -> Iterator[ast.AST]:
    """Every node of a type annotation: naming a type draws no number."""
    for field in ("annotation", "returns"):
        part = getattr(node, field, None)
        if isinstance(part, ast.AST):
            yield from ast.walk(part)


def _impure(
    node: ast.Attribute | ast.Name, names: dict[str, str], call: ast.Call | None, typed: bool
) -> str | None:
    full = _dotted(node, names)
    if isinstance(node, ast.Name) and node.id not in names:
        return f"uses {node.id}" if node.id in BUILTINS else None
    if isinstance(node, ast.Attribute) and call is not None and node.attr in ZONED:
        given = len(call.args) + len(call.keywords)
        if given < ZONED[node.attr]:
            return f"uses the machine's time zone in {node.attr}"
    if full is None or full in {"random", "numpy.random"}:  # part of a longer name, or a module
        return None
    if full in SEEDED:
        seeded = call is not None and (call.args or call.keywords)
        return None if seeded or (typed and full in TYPES) else f"uses {full} without a seed"
    if any(full == bad or full.startswith(f"{bad}.") for bad in FORBIDDEN):
        return f"uses {full}"
    return None


def _dotted(node: ast.AST, names: dict[str, str]) -> str | None:
    """The full name of an imported thing, however it was called on import."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value, names)) is not None:
        return f"{base}.{node.attr}"
    return None


MODULES = sorted(path for room in PURE for path in (ROOT / room).rglob("*.py"))


def test_the_pure_rooms_are_found():
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} >= {
        "model",
        "series",
        "policy",
        "engine",
        "sim",
    }
    assert len(MODULES) > 30


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pure(path):
    room = path.relative_to(ROOT).parts[0]
    assert list(impurities(path.read_text(encoding="utf-8"), room)) == []


@pytest.mark.parametrize(
    "use", ["os.environ['A']", "os.getenv('A')", "os.environ.get('A')", "os.remove('f')"]
)
def test_a_room_that_may_name_os_may_only_set_a_default(use):
    assert list(impurities(f"import os\n{use}", "forecast"))
    assert list(impurities("import os\nos.environ.setdefault('KERAS_BACKEND', 'jax')", "forecast")) == []


def test_what_one_room_may_import_no_other_may():
    assert list(impurities("import lightgbm", "forecast")) == []
    assert list(impurities("import lightgbm", "policy")) == ["1: imports lightgbm"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", "imports time"),
        ("import os.path as p", "imports os.path"),
        ("from socket import create_connection", "imports socket"),
        ("import subprocess", "imports subprocess"),
        ("from pathlib import Path", "imports pathlib"),
        ("import logging", "imports logging"),
        ("import boto3", "imports boto3"),
        ("import sqlalchemy.orm", "imports sqlalchemy.orm"),
        ("import requests", "imports requests"),
        ("import asyncio", "imports asyncio"),
        ("import uuid", "imports uuid"),
        ("import secrets", "imports secrets"),
        ("def f():\n    import structlog", "imports structlog"),
        ("from forescale.store.ledger import Ledger", "no pure room"),
        ("import forescale.aws.clients", "no pure room"),
        ("from .. import runtime", "imports .."),
        ("from datetime import datetime\ndatetime.now()", "uses datetime.datetime.now"),
        ("from datetime import datetime as d\nx = d.utcnow", "uses datetime.datetime.utcnow"),
        ("import datetime\ndatetime.datetime.now(datetime.UTC)", "uses datetime.datetime.now"),
        ("from datetime import date\ndate.today()", "uses datetime.date.today"),
        ("from datetime import datetime\ndatetime.fromtimestamp(5)", "time zone"),
        ("x.astimezone()", "time zone"),
        ("import random\nrandom.random()", "uses random.random"),
        ("from random import gauss as g\ng(0, 1)", "uses random.gauss"),
        ("import random\nrandom.Random()", "without a seed"),
        ("import random\nrandom.seed(1)", "uses random.seed"),
        ("import random\nrandom.SystemRandom(1)", "uses random.SystemRandom"),
        ("import numpy as np\nnp.random.rand(3)", "uses numpy.random.rand"),
        ("import numpy as np\nnp.random.default_rng()", "without a seed"),
        ("from numpy.random import default_rng\nmake = default_rng", "without a seed"),
        ("from numpy import random as r\nr.normal()", "uses numpy.random.normal"),
        ("import numpy as np\nnp.load('x')", "uses numpy.load"),
        ("open('x')", "uses open"),
        ("print(1)", "uses print"),
        ("say = print", "uses print"),
        ("exec('1')", "uses exec"),
        ("hash('x') % 7", "uses hash"),
        ("key = id(x)", "uses id"),
    ],
)
def test_what_is_planted_is_found(source, found):
    (what,) = impurities(source)
    assert found in what


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, datetime\ndatetime.fromtimestamp(5, UTC)",
        "from zoneinfo import ZoneInfo\nx.astimezone(ZoneInfo('Europe/Berlin'))",
        "from random import Random\nr = Random(7)\nr.gauss(0, 1)",
        "import numpy as np\nrng = np.random.default_rng(7)\nrng.normal()",
        "import numpy as np\ndef f(rng: np.random.Generator) -> float: ...",
        "class A:\n    id: str\ndef f(a, now): return a.id, now, a.open, a.time()",
        "import msgspec\nfrom forescale.model.value import encode",
        "f(id=3)",
    ],
)
def test_what_is_pure_is_let_through(source):
    assert list(impurities(source)) == []
