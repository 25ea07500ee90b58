"""`forescale history`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forescale.cli.console import err, print_json
from forescale.cli.options import DEFAULT_FILE, File, Json

if TYPE_CHECKING:
    from forescale.runtime.history import History
    from forescale.sources.history import Progress
    from forescale.sources.prometheus import Connection

_PROMETHEUS = "From Prometheus instead of CloudWatch"
_COLUMN = "load"


def history() -> None:
    """Pull recorded load from CloudWatch or Prometheus to a file.

    What CloudWatch or Prometheus remembers of your load is what backtests and comparisons are best
    made with.

      forescale history pull --since 30d -o load.csv
      forescale backtest --trace load.csv:demand
    """


def pull(
    file: File = DEFAULT_FILE,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=".csv, .csv.gz or .parquet; CSV on standard output if left out.",
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Which target, if the file has several.")
    ] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="2026-05-01, or a time ago.")] = "30d",
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Likewise; now if left out.")] = None,
    step: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="Time between rows; the finest there is (Prometheus: 1m) if left out."
        ),
    ] = None,
    prometheus: Annotated[
        str | None,
        typer.Option("--prometheus", metavar="URL", help="Its base URL.", rich_help_panel=_PROMETHEUS),
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROMQL", help="Gives one series; may be repeated.", rich_help_panel=_PROMETHEUS
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="The name of each query's column.", rich_help_panel=_PROMETHEUS),
    ] = None,
    per_instance: Annotated[
        float | None,
        typer.Option(
            help="What one instance carries of the first query's total: adds a column demand.",
            rich_help_panel=_PROMETHEUS,
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME: VALUE'", help="Of each request.", rich_help_panel=_PROMETHEUS),
    ] = None,
    json: Json = False,
) -> None:
    r"""Write the past of a target's signals to a CSV or Parquet file.

    From CloudWatch: a column for each signal of the target, in_service where the group's metrics
    are collected, and demand in instances, just as a run reckons it. What is absent stays empty.

      forescale history pull --since 14d -o load.csv
      forescale backtest --trace load.csv:demand

    From Prometheus, any query. PROMETHEUS_USER and PROMETHEUS_PASSWORD, or PROMETHEUS_TOKEN, or a
    netrc file give access.

      forescale history pull --prometheus http://prometheus:9090 \
          --query 'sum(rate(requests_total[1m]))' -o load.csv
    """
    from forescale.cli.when import moment
    from forescale.runtime.clock import SystemClock
    from forescale.sources.table import check_path

    if json and output is None:
        raise typer.BadParameter("tells about a file: give --output as well", param_hint="--json")
    if output is not None:
        check_path(output)
    now = SystemClock().now()
    first = moment(since, "--since", now)
    last = now if until is None else moment(until, "--until", now)
    if not first < min(last, now):
        raise typer.BadParameter("there is no time between --since and --until", param_hint="--since")
    if prometheus is None:
        _refuse(query=query, name=name, per_instance=per_instance, header=header)
        pulled, about = _from_cloudwatch(file, target, first, last, _step(step))
    else:
        _refuse(target=target)
        queries = _queries(query, name)
        if per_instance is not None and not per_instance > 0:
            raise typer.BadParameter("must be more than 0", param_hint="--per-instance")
        connection = _connection(prometheus, header)
        pulled, about = _from_prometheus(connection, queries, first, last, _step(step) or 60.0, per_instance)
    _finish(pulled, output, about, json)


def _refuse(**options: object) -> None:
    """What belongs to the other kind of source is a mistake, not to be passed over."""
    for option, value in options.items():
        if value:
            other = "does not go with" if option == "target" else "needs"
            name = f"--{option.replace('_', '-')}"
            raise typer.BadParameter(f"{name} {other} --prometheus", param_hint=name)


def _step(text: str | None) -> float | None:
    from forescale.model.settings import parse_duration

    if text is None:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--step") from error
    if seconds < 60 or seconds % 60:
        raise typer.BadParameter(f"{text} is not whole minutes", param_hint="--step")
    return seconds


def _queries(queries: list[str] | None, names: list[str] | None) -> dict[str, str]:
    """PromQL by column: named in the same order, or load, load_2, ..."""
    from forescale.sources.table import TIME

    if not queries:
        raise typer.BadParameter("say what to read: --query 'sum(rate(requests[1m]))'", param_hint="--query")
    if names and len(names) != len(queries):
        raise typer.BadParameter("give one for each --query, in their order", param_hint="--name")
    names = names or [_COLUMN if i == 0 else f"{_COLUMN}_{i + 1}" for i in range(len(queries))]
    if len({*names, TIME}) <= len(names) or not all(name.strip() for name in names):
        raise typer.BadParameter("each column needs a name of its own", param_hint="--name")
    return dict(zip(names, queries, strict=True))


def _connection(url: str, headers: list[str] | None) -> "Connection":
    from os import environ

    from forescale.sources.prometheus import Connection

    return Connection(
        url,
        user=environ.get("PROMETHEUS_USER"),
        password=environ.get("PROMETHEUS_PASSWORD"),
        token=environ.get("PROMETHEUS_TOKEN"),
        headers=dict(_header(text) for text in headers or ()),
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise typer.BadParameter(f"{text!r} is not of the form 'Name: value'", param_hint="--header")
    return name.strip(), value.strip()


def _from_cloudwatch(
    file: Path, target: str | None, since: float, until: float, step: float | None
) -> tuple["History", dict[str, Any]]:
    import asyncio

    from forescale.aws import Clients
    from forescale.config import load
    from forescale.runtime.clock import SystemClock
    from forescale.runtime.history import pull_target

    config = load(file)
    name = _pick(list(config.targets), target)
    clients = Clients(config.aws, writable=False)
    try:
        with _progress() as progress:
            pulled = asyncio.run(
                pull_target(
                    config,
                    name,
                    clients,
                    SystemClock(),
                    since=since,
                    until=until,
                    step=step,
                    progress=progress,
                )
            )
    finally:
        clients.close()
    return pulled, {"source": "cloudwatch", "target": name, "group": config.targets[name].actuator.group}


def _from_prometheus(
    connection: "Connection",
    queries: dict[str, str],
    since: float,
    until: float,
    step: float,
    per_instance: float | None,
) -> tuple["History", dict[str, Any]]:
    import asyncio

    from forescale.runtime.clock import SystemClock
    from forescale.runtime.history import pull_queries

    with _progress() as progress:
        pulled = asyncio.run(
            pull_queries(
                connection,
                queries,
                SystemClock(),
                since=since,
                until=until,
                step=step,
                per_instance=per_instance,
                progress=progress,
            )
        )
    return pulled, {"source": "prometheus", "url": connection.shown, "queries": queries}


def _pick(names: list[str], name: str | None) -> str:
    from forescale.model.errors import ConfigError

    known = ", ".join(names)
    if name is None and len(names) > 1:
        raise ConfigError("the file has several targets", hint=f"choose one with --target: {known}")
    if name is not None and name not in names:
        raise ConfigError(f"there is no target {name!r}", hint=f"its targets are: {known}")
    return name or names[0]


@contextmanager
def _progress() -> "Iterator[Progress | None]":
    """A bar on standard error while it lasts; none where that is not a terminal."""
    if not err.is_terminal:
        yield None
        return
    from rich.progress import Progress

    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _finish(pulled: "History", output: Path | None, about: dict[str, Any], json: bool) -> None:
    from forescale.sources.table import iso, write_table

    about = {
        "output": str(output) if output else None,
        **about,
        "start": iso(pulled.times[0]),
        "end": iso(pulled.times[-1] + pulled.step),
        "step": pulled.step,
        "rows": len(pulled.times),
        "columns": {name: _summary(column) for name, column in pulled.columns.items()},
        "notes": list(pulled.notes),
    }
    write_table(output, pulled.times, pulled.columns, about)
    if json:
        print_json(about)
    elif output is not None:
        _show(output, about)
    else:
        _notes(pulled.notes)


def _summary(column: tuple[float | None, ...]) -> dict[str, Any]:
    known = [value for value in column if value is not None]
    absent = len(column) - len(known)
    if not known:
        return {"known": 0, "absent": absent}
    return {"known": len(known), "absent": absent, "min": min(known), "max": max(known)}


def _show(output: Path, about: dict[str, Any]) -> None:
    from forescale.model.settings import format_duration

    rows, every = about["rows"], format_duration(about["step"])
    err.print(
        f"{output}: {rows:,} rows, one every {every}, {about['start']} to {about['end']}",
        markup=False,
        soft_wrap=True,
    )
    for name, column in about["columns"].items():
        spread = f", {column['min']:.4g} to {column['max']:.4g}" if column["known"] else ""
        err.print(
            f"  {name}: {column['known']:,} values, {column['absent']:,} absent{spread}",
            markup=False,
            soft_wrap=True,
        )
    _notes(about["notes"])


def _notes(notes: Any) -> None:
    for note in notes:
        err.print(f"note: {note}", markup=False, soft_wrap=True, style="dim")


SUBCOMMANDS = {"pull": pull}
