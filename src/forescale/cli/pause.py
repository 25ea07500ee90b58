"""`forescale pause`."""

from typing import Annotated

import typer

from forescale.cli.console import out
from forescale.cli.options import DEFAULT_FILE, FileOption, Target, duration


def pause(
    target: Target,
    for_: Annotated[float, duration("How long.", "--for")] = "1h",  # type: ignore[assignment]  # typer parses it
    why: Annotated[str, typer.Option("--why", help="The reason, for the ledger.")] = "",
    file: FileOption = DEFAULT_FILE,
) -> None:
    """Stop acting on a target for a while; evaluating and recording go on.

    Carried out by the running process at its next evaluation, or when one starts. It ends
    by itself, or with [bold]forescale resume[/].

      forescale pause web --for 30m --why "migration"
    """
    import time

    from forescale.cli.book import send, user
    from forescale.model.event import Pause
    from forescale.ui.render import when

    until = time.time() + for_
    send(file, target, Pause(until, user(), why))
    out.print(f"{target}: no action until {when(until)} UTC")
