"""`forescale check`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from forescale.cli.console import out, print_json
from forescale.cli.options import DEFAULT_FILE, File, Json
from forescale.model.errors import ConfigError

if TYPE_CHECKING:
    from forescale.config.loader import Loaded

Show = Annotated[
    bool,
    typer.Option("--show", help="Print what the file comes to: every value, with defaults; secrets masked."),
]


def check(file: File = DEFAULT_FILE, show: Show = False, json: Json = False) -> None:
    """Validate a configuration; show every error at once.

    Each error names the file, line and column, what was read and what would be right. Exit
    code 2 if there is any. With [bold]--json[/], a list of errors for a script; empty if all is well.

      forescale check forescale.yaml --show
    """
    from forescale.config.loader import load_tree

    if json:
        _as_json(file)
        return
    _print(load_tree(file), file, show)


def _print(loaded: "Loaded", file: Any, show: bool) -> None:
    from forescale.config.words import resolved, summary

    if show:
        out.print(resolved(loaded), markup=False, end="", soft_wrap=True)
        return
    out.print("[bold green]OK[/]", end=" ")
    out.print(f"{file}:", markup=False, end=" ")
    out.print("\n".join(summary(loaded.config)), markup=False, soft_wrap=True)


def _as_json(file: Any) -> None:
    from forescale.config import InvalidConfig, load

    try:
        load(file)
    except InvalidConfig as error:
        problems = [_fields(problem) for problem in error.problems]
    except ConfigError as error:  # the file itself cannot be read
        problems = [_fields_of_error(str(file), error)]
    else:
        problems = []
    print_json(problems)
    if problems:
        raise typer.Exit(ConfigError.exit_code)


def _fields(problem: Any) -> dict[str, Any]:
    names = ("file", "line", "column", "path", "message", "read", "expected")
    return {name: getattr(problem, name) for name in names}


def _fields_of_error(file: str, error: ConfigError) -> dict[str, Any]:
    place = {"file": file, "line": 0, "column": 0, "path": ""}
    return {**place, "message": error.message, "read": "", "expected": error.hint}
