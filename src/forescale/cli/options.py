"""Arguments and options that several commands share, so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated, Any

import typer

File = Annotated[
    Path,
    typer.Argument(envvar="FORESCALE_CONFIG", help="The configuration.", show_default="forescale.yaml"),
]
DEFAULT_FILE = Path("forescale.yaml")

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output, for scripts.")]

DryRun = Annotated[
    bool | None,
    typer.Option("--dry-run/--act", help="Change nothing, or act; as configured where left out."),
]

FileOption = Annotated[
    Path,
    typer.Option(
        "--file", "-f", envvar="FORESCALE_CONFIG", help="The configuration.", show_default="forescale.yaml"
    ),
]

Target = Annotated[str, typer.Argument(help="The target's name in the configuration.")]


def _duration(text: str) -> float:
    from forescale.model.settings import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def duration(help_text: str, *names: str) -> Any:
    """The annotation's part for an option that is a duration such as 90s, 4m or 1h30m."""
    return typer.Option(*names, parser=_duration, metavar="DURATION", help=help_text)
