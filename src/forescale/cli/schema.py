"""`forescale schema`."""

from pathlib import Path
from typing import Annotated

import typer

from forescale.cli.console import out, print_json
from forescale.model.errors import ConfigError

Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write it here instead of printing it.")]


def schema(output: Output = None) -> None:
    """Print the JSON Schema of the configuration, for editors.

    An editor with a YAML language server completes and checks the file as you type: write the
    schema beside it, and begin the file with

      # yaml-language-server: $schema=forescale.schema.json

      forescale schema --output forescale.schema.json
    """
    import msgspec

    from forescale.config import schema as json_schema

    if output is None:
        print_json(json_schema())
        return
    try:
        output.write_bytes(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2) + b"\n")
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}") from error
    out.print(f"wrote {output}", markup=False)
