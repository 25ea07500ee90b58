"""Arguments and options that several commands share, so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated

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
