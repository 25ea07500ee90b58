"""`forescale init`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from forescale.cli.console import out
from forescale.cli.options import DEFAULT_FILE, File
from forescale.model.errors import ConfigError

Preset = Annotated[str, typer.Option("--preset", "-p", help="What to start from; see --list-presets.")]
Group = Annotated[
    str | None, typer.Option("--group", help="The Auto Scaling Group.", show_default="an example")
]
Region = Annotated[
    str | None,
    typer.Option(
        "--region", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="Its region.", show_default="an example"
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file that is there already.")]
ListPresets = Annotated[bool, typer.Option("--list-presets", help="List the presets and exit.")]


def init(
    file: File = DEFAULT_FILE,
    preset: Preset = "asg",
    group: Group = None,
    region: Region = None,
    force: Force = False,
    list_presets: ListPresets = False,
) -> None:
    """Write a commented starter configuration.

      forescale init --group my-asg --region eu-west-1
      forescale init web.yaml --preset asg-requests

    The file is in dry run: nothing changes until it says [bold]dry_run: false[/].
    """
    from forescale.config.presets import GROUP, PRESETS, render

    if list_presets:
        for name, (_, purpose) in PRESETS.items():
            out.print(f"{name:<14} {purpose}", markup=False)
        return
    if preset not in PRESETS:
        raise ConfigError(f"there is no preset {preset!r}", hint=f"presets: {', '.join(PRESETS)}")
    _write(file, render(preset, group=group or None, region=region or None), force)
    out.print(f"wrote {file} (preset {preset})", markup=False)
    _next_steps(file, None if group else GROUP)


def _write(file: Path, text: str, force: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        with os.fdopen(os.open(file, flags, 0o644), "w", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise ConfigError(f"{file} is there already", hint="overwrite it with --force") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error


def _next_steps(file: Path, example: str | None) -> None:
    if example:
        out.print(f"Put the name of your group where it says {example}.", markup=False)
    name = "" if file == DEFAULT_FILE else f" {file}"
    steps = {
        f"forescale check{name}": "is the file right?",
        f"forescale doctor{name}": "can forescale see the group, and what else scales it?",
        f"forescale run{name}": "decide, in dry run: nothing changes",
    }
    width = max(map(len, steps))
    out.print("Next:")
    for command, why in steps.items():
        out.print(f"  {command:<{width}}  {why}", markup=False, soft_wrap=True)
