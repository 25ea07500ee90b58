"""`forescale ledger`."""

from typing import TYPE_CHECKING, Annotated

import typer

from forescale.cli.console import out, print_json
from forescale.cli.options import DEFAULT_FILE, FileOption, Json, duration

if TYPE_CHECKING:
    from forescale.model.effect import Outcome
    from forescale.store.fold import DecisionRun


def ledger(
    target: Annotated[str | None, typer.Argument(help="Only this target.")] = None,
    actions: Annotated[bool, typer.Option("--actions", help="Only decisions that change capacity.")] = False,
    since: Annotated[float | None, duration("Only the last so long, such as 2h.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most lines.")] = 30,
    file: FileOption = DEFAULT_FILE,
    json: Json = False,
) -> None:
    """List decisions, the newest first, and what came of them.

    Decisions that say the same in a row are one, with their number. Times are in UTC.

      forescale ledger web --actions --since 1d
    """
    import time

    from forescale.cli.book import chosen, open_ledger, outcome_of

    begin = None if since is None else time.time() - since
    with open_ledger(file) as (config, book):
        if target is not None:
            chosen(config, target)
        rows = [(r, outcome_of(book, r.first)) for r in book.decisions(target, begin, None, actions, limit)]
    if json:
        print_json([_record(run, outcome) for run, outcome in rows])
    elif rows:
        _print(rows)
    else:
        narrowed = target is not None or actions or since is not None
        out.print("no such decisions" if narrowed else "no decisions yet: forescale run")


def _record(run: "DecisionRun", outcome: "Outcome | None") -> dict[str, object]:
    return {
        "decision": run.first,
        "count": run.count,
        "last": run.last_id,
        "last_time": run.last.time,
        "outcome": outcome,
    }


def _print(rows: "list[tuple[DecisionRun, Outcome | None]]") -> None:
    from rich.padding import Padding
    from rich.text import Text

    from forescale.model.decision import Direction
    from forescale.ui.render import headline, outcome_text, when, why

    for run, outcome in rows:
        line = Text(f"{when(run.first.time)}  ").append_text(headline(run.first))
        if run.count > 1:
            line.append(f"  ×{run.count}")
        if run.first.direction is not Direction.HOLD:
            line.append(f"  {outcome_text(outcome)}")
        out.print(line)
        out.print(Padding(Text(why(run.first), "dim"), (0, 0, 0, 4)))
