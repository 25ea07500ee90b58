"""`forescale ledger`."""

from typing import TYPE_CHECKING, Annotated

import typer

from forescale.cli.console import out, print_json
from forescale.cli.options import DEFAULT_FILE, FileOption, Json, duration

if TYPE_CHECKING:
    from forescale.store.fold import DecisionRun
    from forescale.store.rows import RecordedAction


def ledger(
    target: Annotated[str | None, typer.Argument(help="Only this target.")] = None,
    actions: Annotated[bool, typer.Option("--actions", help="Only decisions that change capacity.")] = False,
    since: Annotated[float | None, duration("Only the last so long, such as 2h.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most lines.")] = 30,
    file: FileOption = DEFAULT_FILE,
    json: Json = False,
) -> None:
    """List decisions, the newest first, and what came of them.

    Decisions that say the same in a row are one line with their number.

      forescale ledger web --actions --since 1d
    """
    import time

    from forescale.cli.book import chosen, open_ledger

    begin = None if since is None else time.time() - since
    with open_ledger(file) as (config, book):
        if target is not None:
            chosen(config, target)
        runs = book.decisions(target, begin, None, actions, limit)
        done = {a.action.id: a for a in book.actions(target, begin, None, limit)}
    if json:
        print_json([_record(run, done.get(run.first.id)) for run in runs])
        return
    _print(runs, done)


def _record(run: "DecisionRun", action: "RecordedAction | None") -> dict[str, object]:
    return {
        "decision": run.first,
        "count": run.count,
        "last": run.last_id,
        "last_time": run.last.time,
        "outcome": action.outcome if action else None,
    }


def _print(runs: "tuple[DecisionRun, ...]", done: "dict[str, RecordedAction]") -> None:
    from rich import box
    from rich.table import Table

    from forescale.ui.render import headline, outcome_text, when, why

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("time (UTC)", "decision", "times", "outcome", "why"):
        table.add_column(column, no_wrap=column not in ("why", "outcome"), justify="left")
    for run in runs:
        action = done.get(run.first.id)
        outcome = outcome_text(action.outcome) if action else ""
        table.add_row(when(run.first.time), headline(run.first), str(run.count), outcome, why(run.first))
    out.print(table if runs else "no decisions yet: forescale run")
