"""Writes series to a CSV or Parquet file that `read_trace` reads: the time, then a column each."""

import csv
import gzip
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from forescale.model.errors import ConfigError, TraceError

TIME = "timestamp_utc"
"""The name of the first column: when each bucket starts."""
SUFFIXES = (".csv", ".csv.gz", ".parquet")
"""What a file may be called, and so what is written into it."""
METADATA = b"forescale"
"""The key of a Parquet file's metadata under which it says, in JSON, what it is."""


def check_path(path: Path) -> None:
    """Raise the error that `write_table` would raise after the work: a name, a place, a package missing."""
    if not path.name.endswith(SUFFIXES):
        raise ConfigError(
            f"{path}: the name of the file says what is written: .csv, .csv.gz or .parquet",
            hint=f"for example {path.with_suffix('.csv') if path.name else 'load.csv'}",
        )
    if not path.parent.is_dir():
        raise TraceError(f"cannot write {path}: there is no directory {path.parent}")
    if path.suffix == ".parquet":
        pyarrow()


def pyarrow() -> Any:
    """The module that reads and writes Parquet. Raises `ConfigError` where it is not installed."""
    try:
        import_module("pyarrow.parquet")  # heavy: only where a Parquet file is named
        return import_module("pyarrow")
    except ImportError as error:
        raise ConfigError(
            "Parquet files need pyarrow, which is not installed",
            hint="pip install 'forescale[parquet]', or use a .csv file",
        ) from error


def write_table(
    path: Path | None,
    times: Sequence[float],
    columns: Mapping[str, Sequence[float | None]],
    about: Mapping[str, Any],
) -> None:
    """Write columns of one length.

    Args:
        path: a name that ends in .csv, .csv.gz or .parquet; None for CSV on standard output.
        times: when each bucket starts, in seconds since the epoch; ascending.
        columns: values by name; None or NaN is an empty cell.
        about: what the file is, for a Parquet file's metadata.

    Raises:
        ConfigError: another kind of name, or pyarrow is not installed.
        TraceError: it cannot be written.
    """
    if path is None:
        _write_csv(sys.stdout, times, columns)
        return
    check_path(path)
    try:
        if path.suffix == ".parquet":
            _write_parquet(path, times, columns, about)
            return
        with _text(path) as handle:
            _write_csv(handle, times, columns)
    except OSError as error:
        raise TraceError(
            f"cannot write {path}: {error.strerror or error}", hint="choose another place"
        ) from error


def iso(time: float) -> str:
    """A time as it is written: UTC, to the second, or finer where it is finer."""
    moment = datetime.fromtimestamp(time, UTC)
    return moment.isoformat(timespec="milliseconds" if time % 1 else "seconds").replace("+00:00", "Z")


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    if path.suffix == ".gz":
        with gzip.open(path, "wt", newline="", encoding="utf-8") as packed:
            yield packed
    else:
        with path.open("w", newline="", encoding="utf-8") as plain:
            yield plain


def _write_csv(handle: TextIO, times: Sequence[float], columns: Mapping[str, Sequence[float | None]]) -> None:
    rows = csv.writer(handle, lineterminator="\n")
    rows.writerow((TIME, *columns))
    rows.writerows(
        (iso(time), *(_cell(value) for value in values))
        for time, *values in zip(times, *columns.values(), strict=True)
    )


def _cell(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return f"{float(value):.15g}"


def _write_parquet(
    path: Path,
    times: Sequence[float],
    columns: Mapping[str, Sequence[float | None]],
    about: Mapping[str, Any],
) -> None:
    pa = pyarrow()
    stamps = pa.array([round(time * 1000) for time in times], pa.timestamp("ms", tz="UTC"))
    values = [pa.array(column, pa.float64(), from_pandas=True) for column in columns.values()]
    table = pa.table([stamps, *values], names=[TIME, *columns])
    table = table.replace_schema_metadata({METADATA: json.dumps(about)})
    pa.parquet.write_table(table, path)
