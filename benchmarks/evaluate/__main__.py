"""`python -m evaluate`, as `make evaluate` runs it."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import msgspec

import forescale
from forescale.model.settings import format_duration

from .cache import Cache
from .changes import changes, earlier
from .page import page
from .plots import Seen, draw
from .results import About, Result, Results, played, result, said
from .traces import SMOOTH, TRACES, Load, Public, chosen, loads
from .verdicts import verdicts
from .work import MODES, Piece, Work, count, do

_ROOT = Path(__file__).parents[2]
_DATA = _ROOT.parent / "shared" / "data"


def main(arguments: Sequence[str] | None = None) -> int:
    """Work out what is missing, and write the page. Exit code 2 where there is no trace at all."""
    options = _options(arguments)
    publics = (*chosen(options.traces), *(Public(spec, spec.rpartition(":")[2]) for spec in options.add))
    found = list(loads(publics, options.data))
    for public in found:
        if isinstance(public, Public):
            _tell(f"LEFT OUT: {public.title}: there is no {options.data / public.spec.rpartition(':')[0]}")
    some = [load for load in found if isinstance(load, Load)]
    if not some:
        _tell(f"no trace is there: give the folder of the public traces with --data (now {options.data})")
        return 2
    work, cache = Work(), Cache(options.cache)
    pieces = {load.slug: _pieces(work, load, options) for load in some}
    _do([p for by_lead in pieces.values() for group in by_lead.values() for p in group], cache, options.jobs)
    if work.changed:
        _tell("the source changed on the way: run this again, or the figures are of mixed origin")
    left_out = [public.title for public in found if isinstance(public, Public)]
    results = Results(
        _about(work, left_out), [result(load, pieces[load.slug], cache) for load in some if pieces[load.slug]]
    )
    _write(options.out, results, {load.slug: load for load in some}, pieces, cache)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make evaluate ARGS=...", description=main.__doc__)
    titles = ", ".join(public.title for public in TRACES)
    parser.add_argument(
        "--traces", nargs="+", default=[], metavar="NAME", help=f"parts of names, all if left out: {titles}"
    )
    parser.add_argument(
        "--add", nargs="+", default=[], metavar="CSV:COLUMN", help="further traces, shown but not judged"
    )
    parser.add_argument("--leads", nargs="+", type=int, choices=(1, 4), default=[4, 1], help="minutes")
    parser.add_argument("--modes", nargs="+", choices=list(MODES), default=list(MODES))
    parser.add_argument("--data", type=Path, default=_DATA, help="folder of the traces (%(default)s)")
    parser.add_argument(
        "--jobs", type=int, default=min(os.cpu_count() or 1, 2), help="processes (%(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=_ROOT / "docs", help="where results.md goes (%(default)s)"
    )
    parser.add_argument("--cache", type=Path, default=_ROOT / ".cache" / "evaluate", help="(%(default)s)")
    return parser.parse_args(arguments)


def _pieces(work: Work, load: Load, options: argparse.Namespace) -> dict[int, list[Piece]]:
    """By lead time; one of 1 min is looked at on smooth loads only, and not against the status quo."""
    found = {}
    for lead in options.leads:
        if lead == 1 and load.public.kind != SMOOTH:
            continue
        kinds = [kind for kind in options.modes if lead != 1 or kind != "status-quo"]
        modes = [mode for kind in kinds for mode in MODES[kind]]
        if modes:
            found[lead] = [work.piece(load, lead, mode) for mode in modes]
    return found


def _do(pieces: Sequence[Piece], cache: Cache, jobs: int) -> None:
    total, began = count(pieces, cache), time.monotonic()
    _tell(f"{len(pieces)} results, {total} pieces of work to do, the others are there already")
    for place, (piece, seconds) in enumerate(do(pieces, cache, jobs), 1):
        so_far = format_duration(round(time.monotonic() - began))
        _tell(f"[{place}/{total}] after {so_far}: {piece} ({seconds:.0f} s)")


def _about(work: Work, left_out: list[str]) -> About:
    return About(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        version=forescale.__version__,
        source=work.run_code[:8],
        cores=os.cpu_count() or 1,
        machine=f"{platform.machine()}, Python {platform.python_version()}",
        command="make evaluate",
        left_out=left_out,
    )


def _write(
    out: Path,
    results: Results,
    by_slug: dict[str, Load],
    pieces: dict[str, dict[int, list[Piece]]],
    cache: Cache,
) -> None:
    @lru_cache(maxsize=1)
    def seen(found: str) -> Seen:
        load, lead = by_slug[found], next(iter(pieces[found]))
        some = pieces[found][lead]
        quantiles = said(some, cache).quantiles[load.warmup :]
        return Seen(load, played(load, lead, some, cache), quantiles)

    def of(one: Result) -> Seen:
        return seen(one.slug)

    before = earlier(out / "results" / "results.json")
    drawn = draw(out / "results", results.traces, of)
    (out / "results.md").write_text(page(results, drawn), encoding="utf-8")
    text = msgspec.json.format(msgspec.json.encode(results), indent=1)
    (out / "results" / "results.json").write_bytes(text + b"\n")
    for line in _short(results):
        print(line)
    for line in changes(before, results) if before is not None else ():
        print(f"changed  {line}")
    print(f"written: {out / 'results.md'}")


def _short(results: Results) -> Iterator[str]:
    for verdict in verdicts(results.traces):
        mark = "reached" if verdict.reached else "MISSED "
        missed = f"; missed on: {verdict.missed}" if not verdict.reached else ""
        yield f"{mark}  {verdict.about}: {verdict.promised}: {verdict.found}{missed}"


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        _tell("broken off: what was done is kept, the same command goes on from here")
        sys.exit(130)
