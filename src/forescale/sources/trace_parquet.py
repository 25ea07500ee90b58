"""Reads one column of a Parquet file of recorded load; pyarrow is imported when one is named."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from forescale.model.errors import TraceError
from forescale.model.sample import Point
from forescale.sources.table import pyarrow
from forescale.sources.trace_csv import Column, read_time


def read_parquet(path: Path, column: str | None, *, signed: bool = False) -> Column:
    """One column of a Parquet file; the time is its first column, or the index that pandas stored.

    Times are timestamps (UTC where they have no zone), dates, ISO 8601 text, or seconds or
    milliseconds since the epoch. Without a column, the first of numbers is read. Null and NaN are
    absence. Only a column read as `signed` may be negative. Raises `TraceError`, with the row where
    there is one, `ConfigError` where pyarrow is not installed, and `OSError`.
    """
    pa = pyarrow()
    try:
        with pa.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            time, name = _columns(pa, path, schema, column)
            table = file.read(columns=[time, name])
    except pa.ArrowInvalid as error:
        raise TraceError(f"{path} is not a Parquet file: {error}") from error
    if not table.num_rows:
        raise TraceError(f"{path} has columns but no rows")
    times = _times(pa, path, time, table.column(time))
    values = _values(path, name, table.column(name).to_pylist(), signed)
    others = tuple(other for other in schema.names if other not in (time, name))
    return Column(tuple(map(Point, times, values)), name, others)


def _columns(pa: Any, path: Path, schema: Any, column: str | None) -> tuple[str, str]:
    """The names of the time and of the load."""
    index = (schema.pandas_metadata or {}).get("index_columns", ())
    stored = next((i for i in index if isinstance(i, str) and i in schema.names), None)
    if not schema.names:
        raise TraceError(f"{path} has no columns")
    time = stored or schema.names[0]
    names = [name for name in schema.names if name != time]
    known = ", ".join(names)
    if column is not None:
        if column not in names:
            raise TraceError(f"{path} has no column {column!r}", hint=f"its columns are: {known}")
        return time, column
    if not names:
        raise TraceError(f"{path} has one column, {time!r}: a time and a load are needed")
    number = next((name for name in names if _is_number(pa, schema.field(name).type)), None)
    if number is None:
        raise TraceError(f"{path} has no column of numbers", hint=f"its columns are: {known}")
    return time, number


def _is_number(pa: Any, kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _times(pa: Any, path: Path, name: str, column: Any) -> list[float]:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        stamps = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_pylist()
        times = [None if stamp is None else stamp / 1e6 for stamp in stamps]
    else:
        times = [read_time(str(cell)) for cell in column.to_pylist()]
    if None in times:
        row = times.index(None)
        raise TraceError(
            f"{path}, row {row + 1}: {name} is {column[row].as_py()!r}, which is not a time",
            hint="the first column, or the index that pandas stores, must be the time",
        )
    return [time for time in times if time is not None]


def _values(path: Path, name: str, cells: Iterable[Any], signed: bool) -> list[float | None]:
    values: list[float | None] = []
    for row, cell in enumerate(cells, 1):
        number = _number(cell)
        if number is not None and (math.isinf(number) or (number < 0 and not signed)):
            what = "negative: a load cannot be" if number < 0 and not signed else "not a number"
            raise TraceError(f"{path}, row {row}: {name} is {cell!r}, {what}")
        if number is None and cell is not None:
            raise TraceError(f"{path}, row {row}: {name} is {cell!r}, not a number")
        values.append(None if number is None or math.isnan(number) else number)
    return values


def _number(cell: Any) -> float | None:
    try:
        return None if cell is None or isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError):
        return None
