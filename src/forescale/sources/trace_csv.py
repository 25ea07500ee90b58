"""Reads one column of recorded load: `load.csv`, `load.csv:requests`, `load.csv.gz`, `load.parquet`."""

import csv
import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from itertools import islice
from pathlib import Path

from forescale.model.errors import TraceError
from forescale.model.sample import Point

_ABSENT = frozenset({"", "-", "na", "n/a", "nan", "null", "none"})
_GZIP = b"\x1f\x8b"
_MILLISECONDS = 1e11  # as seconds this is the year 5138: such a number counts milliseconds
_LOOK = 1000  # rows looked at to find a column of numbers
_MOSTLY = 0.5  # with a larger share of numbers a column is meant to hold them

Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Column:
    """One column of a file: its points as written, its name, and the names of the others."""

    points: tuple[Point, ...]
    name: str
    others: tuple[str, ...] = ()


def read_trace(spec: str, *, signed: bool = False) -> Column:
    """Read `PATH` or `PATH:COLUMN`: CSV, plain or gzip, or `.parquet`; the first column is the time.

    Times are ISO 8601 (UTC where no zone is given) or seconds (or milliseconds) since the
    epoch. Without a column, the first that holds numbers is read. An empty cell, `NaN` or
    `null` is absence. A load cannot be negative; another column, read as `signed`, may be. Raises
    `TraceError`, with the line where there is one, and `ConfigError` for
    a Parquet file where pyarrow is not installed.
    """
    path, column = _split(spec)
    try:
        if path.suffix == ".parquet":
            return _read_parquet(path, column, signed)
        return _read(path, column, signed)
    except (OSError, EOFError, zlib.error) as error:  # the last two: a gzip file cut short or damaged
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TraceError(f"cannot read {path}: {why}", hint=_nearby(path)) from error
    except UnicodeDecodeError as error:
        raise _not_text(path) from error
    except csv.Error as error:
        raise TraceError(f"{path} is not a CSV file: {error}") from error


def _read_parquet(path: Path, column: str | None, signed: bool) -> Column:
    from forescale.sources.trace_parquet import read_parquet  # it needs what is defined here

    return read_parquet(path, column, signed=signed)


def _split(spec: str) -> tuple[Path, str | None]:
    """Path and column. A colon that is part of an existing file's name stays there."""
    if Path(spec).exists() or ":" not in spec:
        return Path(spec), None
    path, _, column = spec.rpartition(":")
    return Path(path), column


def _nearby(path: Path) -> str:
    if path.is_dir():
        return "it is a directory: give one of its files"
    if not path.parent.is_dir():
        return f"there is no directory {path.parent}"
    names = sorted(entry.name for entry in path.parent.iterdir() if ".csv" in entry.suffixes)
    return f"CSV files there: {', '.join(names[:10])}" if names else "there are no CSV files there"


def _not_text(path: Path) -> TraceError:
    return TraceError(f"{path} is not a text file", hint="give a CSV file, plain (UTF-8) or gzip")


def _read(path: Path, column: str | None, signed: bool) -> Column:
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    with gzip.open(path) if packed else path.open("rb") as data:
        text = TextIOWrapper(data, encoding="utf-8-sig", newline="")
        header_line = text.readline()
        if "\x00" in header_line:
            raise _not_text(path)
        delimiter = max(",;\t", key=header_line.count)  # the first of them where none occurs
        header = [name.strip() for name in next(csv.reader([header_line], delimiter=delimiter), [])]
        rows = csv.reader(text, delimiter=delimiter)
        filled = ((rows.line_num + 1, row) for row in rows if any(row))
        return _column(path, header, filled, column, signed)


def _column(path: Path, header: list[str], rows: Iterator[Row], column: str | None, signed: bool) -> Column:
    _check_header(path, header)
    head = list(islice(rows, _LOOK))
    if not head:
        raise TraceError(f"{path} has a header but no rows")
    place = _place(path, header, head, column)
    points = [_point(path, header, line, row, place, signed) for line, row in head]
    points += [_point(path, header, line, row, place, signed) for line, row in rows]
    others = tuple(name for i, name in enumerate(header) if i not in (0, place))
    return Column(tuple(points), header[place], others)


def _check_header(path: Path, header: list[str]) -> None:
    if not any(header):
        raise TraceError(f"{path} is empty", hint="give a CSV file: a header, then a time and a load per row")
    if read_time(header[0]) is not None:
        raise TraceError(
            f"{path} has no header: its first line starts with the time {header[0]}",
            hint="put the names of the columns on the first line, for example `time,requests`",
        )
    if len(header) == 1:
        raise TraceError(f"{path} has one column, {header[0]!r}: a time and a load are needed")


def _place(path: Path, header: list[str], rows: list[Row], column: str | None) -> int:
    """Where the column is: the one named, or the first of numbers alone, or else mostly of numbers.

    The last is refused later, at the cell that is none: that helps more than "no column".
    """
    names = ", ".join(header[1:])
    if column is not None:
        if column not in header[1:]:
            raise TraceError(f"{path} has no column {column!r}", hint=f"its columns are: {names}")
        return header.index(column, 1)
    shares = {place: _numbers(rows, place) for place in range(1, len(header))}
    best = max(shares, key=lambda place: (shares[place] == 1, shares[place] > _MOSTLY))  # the first of them
    if shares[best] <= _MOSTLY:
        raise TraceError(
            f"{path} has no column of numbers", hint=f"write them as 1234.5; its columns are: {names}"
        )
    return best


def _numbers(rows: list[Row], place: int) -> float:
    """The share of a column's cells that are numbers, the absent ones not counted."""
    cells = [row[place].strip() for _, row in rows if place < len(row)]
    present = [cell for cell in cells if cell.lower() not in _ABSENT]
    return sum(_number(cell) is not None for cell in present) / max(len(present), 1)


def _point(path: Path, header: list[str], line: int, row: list[str], place: int, signed: bool) -> Point:
    time = read_time(row[0].strip())
    if time is None:
        raise TraceError(
            f"{path}, line {line}: {row[0]!r} is not a time",
            hint="write ISO 8601 such as 2026-05-01T00:00:00Z, or seconds since the epoch",
        )
    cell = row[place].strip() if place < len(row) else ""
    if cell.lower() in _ABSENT:
        return Point(time, None)
    value = _number(cell)
    if value is None or (value < 0 and not signed):
        what = "not a number" if value is None else "negative: a load cannot be"
        raise TraceError(
            f"{path}, line {line}: {header[place]} is {cell!r}, {what}",
            hint="leave the cell empty where there is no value",
        )
    return Point(time, value)


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_time(cell: str) -> float | None:
    """Seconds since the epoch, or None where the cell is no time."""
    number = _number(cell)  # first, for 20260501 is also a date to fromisoformat
    if number is not None:
        return number / 1000 if abs(number) > _MILLISECONDS else number
    try:
        time = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
