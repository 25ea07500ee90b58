"""`forescale override`."""

from typing import Annotated

import typer

from forescale.cli.console import out
from forescale.cli.options import DEFAULT_FILE, FileOption, Target, duration


def override(
    target: Target,
    desired: Annotated[int, typer.Argument(min=0, help="The desired capacity, in instances.")],
    for_: Annotated[float, duration("How long.", "--for")] = "1h",  # type: ignore[assignment]  # typer parses it
    why: Annotated[str, typer.Option("--why", help="The reason, for the ledger.")] = "",
    file: FileOption = DEFAULT_FILE,
) -> None:
    """Hold a target at a capacity for a while, whatever the policies want.

    Bounds of the configuration and of the group still hold. In dry run nothing changes, as ever.

      forescale override web 12 --for 2h --why "launch day"
    """
    import time

    from forescale.cli.book import send, user
    from forescale.model.event import Override
    from forescale.ui.render import when

    until = time.time() + for_
    send(file, target, Override(desired, until, user(), why))
    out.print(f"{target}: held at {desired} until {when(until)} UTC")
