"""What the commands share: where they print, and how errors look."""

import sys
from typing import Any, NoReturn

from rich.console import Console

from forescale.model.errors import ForescaleError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def fail(error: ForescaleError) -> NoReturn:
    """Print the error, and what would help, to standard error; exit with its code."""
    err.print("[bold red]error:[/]", end=" ")
    err.print(error.message, markup=False, soft_wrap=True)
    if error.hint:
        err.print("[bold]hint:[/]", end=" ")
        err.print(error.hint, markup=False, soft_wrap=True)
    sys.exit(error.exit_code)


def print_json(value: Any) -> None:
    """Plain JSON on standard output: msgspec values, and plain Python ones."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
