"""`forescale resume`."""

from typing import Annotated

import typer

from forescale.cli.console import out
from forescale.cli.options import DEFAULT_FILE, FileOption, Target


def resume(
    target: Target,
    why: Annotated[str, typer.Option("--why", help="The reason, for the ledger.")] = "",
    file: FileOption = DEFAULT_FILE,
) -> None:
    """End a pause, an override and a back-off after a failure.

    From the next evaluation on, the policies decide again.

      forescale resume web --why "all is well"
    """
    from forescale.cli.book import send, user
    from forescale.model.event import Resume

    send(file, target, Resume(user(), why))
    out.print(f"{target}: resumed")
