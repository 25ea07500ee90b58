"""The pieces of work that take long: forecasts of a trace, and one setting's way through it."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed  # type: ignore[import-untyped]
from numpy.typing import NDArray

from forescale.config import Overrides, Target, load
from forescale.forecast.base import LEVELS
from forescale.model.forecast import Forecast, NotReady
from forescale.series.regular import Floats
from forescale.sim.backtest import Forecasts, forecast_each_minute, simulate
from forescale.sim.run import Run

from .cache import Cache, content, digest, source_hash
from .traces import Load

CONFIG = Path(__file__).parents[2] / "examples" / "predictive.yaml"

BUDGETS = ("1%", "0.1%")
TARGETS = ("50%", "60%", "70%")
PRICES = tuple(float(f"{price:.3g}") for price in np.geomspace(0.5, 5_000, 8))
"""What a violated request costs in the fixed settings that the frontier is drawn from."""
HEADROOMS = (0.12, 0.3)
"""Further settings beyond the highest price."""

_RUN_UP = 1440
"""Minutes before the first scored one in which a fixed setting finds its pace."""

_FORECAST_ROOMS = ("series", "forecast", "model")
_RUN_ROOMS = (*_FORECAST_ROOMS, "policy", "engine", "sim")
_SAID = tuple(LEVELS.index(level) for level in (0.5, 0.9, 0.99))


@dataclass(frozen=True)
class Mode:
    """A setting: what is put over the one default configuration; `learns`: from what it has violated."""

    label: str
    sets: tuple[str, ...]
    learns: bool = True


def _price(price: float, headroom: float = 0.0) -> Mode:
    sets: tuple[str, ...] = ("policies[0].budget=null", f"policies[0].violation_cost={price!r}")
    if not headroom:
        return Mode(f"price {price:g}", sets, learns=False)
    sets = (*sets, f"policies[0].headroom={headroom!r}")
    return Mode(f"price {price:g} + {headroom:.0%}", sets, learns=False)


BUDGET_MODES = {budget: Mode(f"budget {budget}", (f"policies[0].budget={budget}",)) for budget in BUDGETS}
STATUS_QUO_MODES = {
    target: Mode(
        f"status-quo {target}",
        ("policies[0].budget=status-quo", f"policies[0].status_quo.target={target}"),
    )
    for target in TARGETS
}
PRICE_MODES = (*map(_price, PRICES), *(_price(PRICES[-1], headroom) for headroom in HEADROOMS))
MODES = {
    "budget": tuple(BUDGET_MODES.values()),
    "status-quo": tuple(STATUS_QUO_MODES.values()),
    "frontier": PRICE_MODES,
}
"""By the names that the command line knows."""


@dataclass(frozen=True)
class Said:
    """What was forecast after each minute: its 50, 90 and 99 % quantiles (NaN: nothing), and by whom."""

    quantiles: Floats
    models: NDArray[np.str_]


@dataclass(frozen=True)
class Piece:
    """One unit of work; without a mode it is the forecasts."""

    load: Load
    lead: int
    mode: Mode | None
    key: str
    forecasts_key: str

    @property
    def name(self) -> str:
        """What it is kept as."""
        what = "forecasts" if self.mode is None else self.mode.label.replace(" ", "_")
        return f"{self.load.slug}-{self.lead}min-{what}"

    @property
    def forecasts(self) -> "Piece":
        """What has to be done before."""
        return replace(self, mode=None, key=self.forecasts_key)

    def __str__(self) -> str:
        """For people."""
        what = "forecasts" if self.mode is None else self.mode.label
        return f"{self.load.public.title}, lead {self.lead} min, {what}"


class Work:
    """Pieces with their keys: hashes of the trace, the lead time, the configuration and the code."""

    def __init__(self) -> None:
        self.forecast_code, self.run_code = source_hash(_FORECAST_ROOMS), source_hash(_RUN_ROOMS)
        self._config = CONFIG.read_bytes()
        self._settings = repr(target(()).forecast)

    def piece(self, load: Load, lead: int, mode: Mode | None) -> Piece:
        """The piece; `mode` None for the forecasts."""
        trace = load.trace
        before = digest(content(trace.load), trace.start, lead, self._settings, self.forecast_code)
        key = before
        if mode is not None:
            key = digest(before, self._config, mode.sets, self.run_code, _RUN_UP)
        return Piece(load, lead, mode, key, before)

    @property
    def changed(self) -> bool:
        """The code is not what it was at the start: what was worked out since is of mixed origin."""
        return source_hash(_RUN_ROOMS) != self.run_code


def target(sets: tuple[str, ...]) -> Target:
    """The only target of the default configuration, with these settings over it."""
    (found,) = load(CONFIG, env={}, overrides=Overrides(sets)).targets.values()
    return found


def do(pieces: Sequence[Piece], cache: Cache, jobs: int) -> Iterator[tuple[Piece, float]]:
    """Do those that are not there yet, forecasts first, several at a time; tells of each with its seconds."""
    missing = [piece for piece in pieces if not cache.has(piece.name, piece.key)]
    first = {piece.name: piece.forecasts for piece in missing}
    first = {p.name: p for p in first.values() if not cache.has(p.name, p.key)}
    runs = [piece for piece in missing if piece.mode is not None]
    for group in (list(first.values()), runs):
        group.sort(key=lambda piece: (-len(piece.load.trace), piece.load.slug, piece.lead))
        yield from _parallel(group, cache, jobs)


def count(pieces: Iterable[Piece], cache: Cache) -> int:
    """How many `do` will do."""
    missing = [piece for piece in pieces if not cache.has(piece.name, piece.key)]
    before = {p.forecasts.name: p.forecasts for p in missing}
    runs = [piece for piece in missing if piece.mode is not None]
    return len(runs) + sum(not cache.has(p.name, p.key) for p in before.values())


def _parallel(pieces: Sequence[Piece], cache: Cache, jobs: int) -> Iterator[tuple[Piece, float]]:
    if not pieces:
        return
    parallel = Parallel(
        n_jobs=min(jobs, len(pieces)), return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs"
    )
    for index, seconds in parallel(delayed(_do)(i, p, cache.folder) for i, p in enumerate(pieces)):
        yield pieces[index], seconds


def _do(index: int, piece: Piece, folder: Path) -> tuple[int, float]:
    began, cache = time.perf_counter(), Cache(folder)
    trace = piece.load.trace
    if piece.mode is None:
        made = forecast_each_minute(target(()), trace, piece.lead)
        cache.put(f"{piece.name}-said", piece.key, said(made))
        cache.put(piece.name, piece.key, made)
    else:
        cache.put(piece.name, piece.key, scored(piece, piece.mode, _forecasts(piece, folder)))
    return index, time.perf_counter() - began


def scored(piece: Piece, mode: Mode, forecasts: Forecasts) -> Run:
    """What a setting does in the scored minutes; one that does not learn need not begin long before."""
    trace, warmup = piece.load.trace, piece.load.warmup
    skipped = 0 if mode.learns else max(warmup - _RUN_UP, 0)
    rest = replace(trace, start=trace.time(skipped), load=trace.load[skipped:])
    run = simulate(target(mode.sets), rest, piece.lead, forecasts=forecasts[skipped:])
    return run.after(warmup - skipped)


def _forecasts(piece: Piece, folder: Path) -> Forecasts:
    made: Forecasts = _read(folder, piece.forecasts.name, piece.forecasts_key)
    return made


@lru_cache(maxsize=1)
def _read(folder: Path, name: str, key: str) -> Any:
    """Pieces of one trace follow each other: what it was forecast is read once."""
    return Cache(folder).get(name, key)


def said(made: Sequence[Forecast | NotReady]) -> Said:
    """The little of the forecasts that scores and plots need."""
    none = (np.nan,) * len(_SAID)
    rows = [
        none if isinstance(f, NotReady) else tuple(f.quantiles[place][1] for place in _SAID) for f in made
    ]
    models = np.array(["" if isinstance(f, NotReady) else f.model for f in made])
    return Said(np.array(rows, dtype=np.float64), models)


def runs(pieces: Iterable[Piece], cache: Cache) -> Mapping[str, Run]:
    """What was done in the scored minutes, by the label of the mode."""
    return {p.mode.label: cache.get(p.name, p.key) for p in pieces if p.mode is not None}
