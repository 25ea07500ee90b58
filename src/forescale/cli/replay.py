"""`forescale replay`."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from forescale.cli.console import err, out, print_json
from forescale.cli.options import DEFAULT_FILE, FileOption, Json, duration

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from forescale.runtime.replay import Replay


def replay(
    target: Annotated[str | None, typer.Argument(help="Only this target.")] = None,
    since: Annotated[float | None, duration("Only the last so long, such as 2h.")] = None,
    file: FileOption = DEFAULT_FILE,
    json: Json = False,
) -> None:
    """Run the ledger through the engine again and compare every decision, byte for byte.

    This is the proof that a decision rests on nothing but what was recorded: exit code 0
    if all are equal, 1 at the first difference, which is shown.

      forescale replay web --since 1d
    """
    import time

    from forescale.cli.book import chosen, open_ledger
    from forescale.runtime.replay import replay as run_again

    begin = None if since is None else time.time() - since
    with open_ledger(file) as (config, ledger), _progress() as progress:
        results = []
        for name in chosen(config, target):
            task = progress.add_task(f"replaying {name}", total=None)
            results.append(run_again(ledger, name, begin, partial(_advance, progress, task)))
    if json:
        print_json([{"equal": r.equal, "replay": r} for r in results])
    else:
        for result in results:
            _print(result)
    if not all(result.equal for result in results):
        raise typer.Exit(1)


def _progress() -> "Progress":
    from rich.progress import Progress

    return Progress(console=err, transient=True, disable=not err.is_terminal)


def _advance(progress: "Progress", task: "TaskID", events: int) -> None:
    progress.update(task, completed=events)


def _print(result: "Replay") -> None:
    from forescale.ui.render import explanation

    counts, difference = f"{result.decisions} decisions on {result.events} events", result.difference
    if difference is None:
        same = f"{counts}, byte for byte" if result.segments else "nothing is recorded"
        out.print(f"[green]equal[/]  {result.target}: {same}")
        return
    out.print(f"[bold red]different[/]  {result.target}: {difference.id} after {counts}")
    for label, decision in (("recorded", difference.recorded), ("replayed", difference.replayed)):
        out.print(f"[bold]{label}[/]")
        out.print(explanation(decision) if decision else "  no such decision")
