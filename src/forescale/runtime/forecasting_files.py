"""Models and pipelines on disk, so that a restart need not train again.

Files are pickles, which run code when they are read: they are kept in a directory of which nobody
else can write, and one that is damaged, somebody else's or of another version is not read at all.
"""

import json
import os
import stat
import sys
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from forescale import __version__
from forescale.engine.settings import TargetSettings
from forescale.model.errors import StoreError
from forescale.runtime.forecasting_jobs import Trained, pack, unpack
from forescale.series.regular import Floats

MODELS, PIPELINE, ABOUT = ".models", ".pipeline", ".json"
"""What the files of a target end in: its models, what is measured of them, and both in words."""

_MAGIC = "forescale-forecasting 1"
# A pickle of one version of these may not be read by another.
_LIBRARIES = ("numpy", "lightgbm", "scikit-learn", "xgboost-cpu", "statsforecast", "keras")


@dataclass(frozen=True)
class Memory:
    """What a target's forecasts stand on, but for its models: a pipeline, `at` whose time, and its demand."""

    pipeline: Any
    lead: int
    at: float
    start: float
    demand: Floats = field(default_factory=lambda: np.empty(0))
    serving: Floats = field(default_factory=lambda: np.empty(0))
    deploys: tuple[tuple[float, float], ...] = ()


class Unusable(Exception):
    """A file that is not to be trusted, and why."""


class ModelFiles:
    """The files of one target in a directory, which is made when something is written. Blocks.

    A file is read only where `key` is the same as when it was written; see `settings_key`.
    """

    def __init__(self, folder: Path, target: str, key: str) -> None:
        self._folder, self._target, self._key = folder, target, key

    def save_models(self, packed: bytes, trained: Trained) -> None:
        """Keep models, as they were packed by who trained them. Raises `StoreError`."""
        self._write(MODELS, packed, describe(trained))

    def save_memory(self, memory: Memory) -> None:
        """Keep the rest. Raises `StoreError`."""
        self._write(PIPELINE, pack(memory), {})

    def load_models(self) -> Trained | None:
        """The models; None where there are none. Raises `Unusable`."""
        found = self._read(MODELS)
        if found is not None and not isinstance(found, Trained):
            raise Unusable("it holds something else")
        return found

    def load_memory(self) -> Memory | None:
        """The rest; None where there is none. Raises `Unusable`."""
        found = self._read(PIPELINE)
        if found is not None and not isinstance(found, Memory):
            raise Unusable("it holds something else")
        return found

    def tell(self, about: dict[str, Any]) -> None:
        """Say in a file of JSON how it stands, for people and for `forescale status`. Raises `StoreError`."""
        self._put(ABOUT, json.dumps(about, indent=1, allow_nan=False).encode() + b"\n")

    def _write(self, suffix: str, payload: bytes, about: dict[str, Any]) -> None:
        header = {
            "target": self._target,
            "key": self._key,
            "sha256": sha256(payload).hexdigest(),
            "bytes": len(payload),
        }
        first = f"{_MAGIC}\n{json.dumps(header | about)}\n".encode()
        self._put(suffix, first + payload)

    def _put(self, suffix: str, data: bytes) -> None:
        """The whole file or none of it, readable by us alone."""
        place, new = self._path(suffix), self._path(f"{suffix}.new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(place)
        except OSError as error:
            raise StoreError(
                f"{place} cannot be written: {error.strerror}",
                hint="set training.models_dir to a directory that forescale may write",
            ) from error

    def _read(self, suffix: str) -> Any:
        place = self._path(suffix)
        try:
            data = place.read_bytes()
            _check_owner(self._folder, place)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unusable(f"it cannot be read: {error.strerror}") from error
        payload = self._checked(data)
        try:
            return unpack(payload)
        except Exception as error:
            raise Unusable(f"it cannot be understood: {type(error).__name__}: {error}") from error

    def _checked(self, data: bytes) -> bytes:
        magic, _, rest = data.partition(b"\n")
        first, _, payload = rest.partition(b"\n")
        if magic.decode(errors="replace") != _MAGIC:
            raise Unusable("it is of another version of forescale, or no such file")
        try:
            header = json.loads(first)
        except ValueError:
            raise Unusable("it is damaged") from None
        if not isinstance(header, dict) or header.get("sha256") != sha256(payload).hexdigest():
            raise Unusable("it is damaged")
        if (header.get("target"), header.get("key")) != (self._target, self._key):
            raise Unusable("it was made under other settings, or by another version")
        return payload

    def _path(self, suffix: str) -> Path:
        return self._folder / f"{self._target}{suffix}"


def _check_owner(folder: Path, place: Path) -> None:
    """Who can write a pickle can run code as us."""
    if not hasattr(os, "geteuid"):
        return
    for path in (folder, place):
        found = path.stat()
        if found.st_uid not in (os.geteuid(), 0) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Unusable(f"others than us can write {path}: chmod go-w, chown")


def settings_key(settings: TargetSettings) -> str:
    """What models depend on besides their data: settings, and the versions of what made them."""
    demand = settings.demand
    parts: list[Any] = [__version__, sys.version_info[:2], [_version(name) for name in _LIBRARIES]]
    parts += [settings.forecast.model_dump(mode="json")]
    if demand is not None:
        parts += [
            demand.model_dump(mode="json"),
            settings.signals[demand.signal].model_dump(mode="json", exclude={"max_age"}),
        ]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def describe(trained: Trained) -> dict[str, Any]:
    """What was trained, in plain JSON."""
    models = trained.models
    return {
        "version": trained.version,
        "trained_until": models.time,
        "known_minutes": models.steps,
        "lead_minutes": trained.lead,
        "models": list(models.fitted),
        "missing": dict(models.missing),
        "poison": [asdict(span) for span in models.poison],
        "training_seconds": round(trained.seconds, 2),
    }


def read_about(folder: Path, target: str) -> dict[str, Any] | None:
    """What `ModelFiles.tell` said last of a target; None where there is nothing to be read."""
    try:
        found = json.loads((folder / f"{target}{ABOUT}").read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
