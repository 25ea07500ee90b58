"""What was worked out, kept under the hash of all that it depends on; written whole or not at all."""

import ast
import gzip
import hashlib
import os
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import forescale

_SOURCE = Path(forescale.__file__).parent
_LENGTH = 16  # hexadecimal digits of a hash


def digest(*parts: object) -> str:
    """A hash of the parts: bytes as they are, all else as text."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part if isinstance(part, bytes) else repr(part).encode())
        found.update(b"\0")
    return found.hexdigest()[:_LENGTH]


def source_hash(rooms: Iterable[str]) -> str:
    """A hash of the code in these rooms of the package; comments, docstrings and layout do not count."""
    files = [file for room in sorted(rooms) for file in sorted((_SOURCE / room).rglob("*.py"))]
    return digest(*[(str(file.relative_to(_SOURCE)), code_of(file.read_text("utf-8"))) for file in files])


def code_of(text: str) -> str:
    """What a program does, as text that does not change with comments, docstrings or layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _only_text(line)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _only_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class Cache:
    """A folder of results. One for each `name` is kept: a new `key` drives out the old."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, name: str, key: str) -> bool:
        """It is there."""
        return self._path(name, key).exists()

    def get(self, name: str, key: str) -> Any:
        """What was put there. Raises `OSError` where nothing was."""
        with gzip.open(self._path(name, key), "rb") as file:
            return pickle.load(file)

    def put(self, name: str, key: str, value: Any) -> None:
        """Write it, whole or not at all, and remove what stood under other keys."""
        path = self._path(name, key)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        with gzip.open(partial, "wb", compresslevel=1) as file:
            pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
        partial.replace(path)
        for other in self.folder.glob(f"{name}@*.pickle.gz"):
            if other != path:
                other.unlink(missing_ok=True)

    def _path(self, name: str, key: str) -> Path:
        return self.folder / f"{name}@{key}.pickle.gz"


def content(values: "np.typing.NDArray[np.float64]") -> bytes:
    """The bytes of an array, for a hash."""
    return np.ascontiguousarray(values).tobytes()
