"""The command line. Each command parses, then calls one function; heavy imports wait until then."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from forescale.model.errors import ForescaleError

# Name of the command -> the line that `--help` shows. The command lives in
# `forescale.cli.<name>` as a function of that name (dashes become underscores); it is imported
# only when it is asked for, which keeps `forescale --help` well under half a second.
COMMANDS = {
    "init": "Write a commented starter configuration.",
    "check": "Validate a configuration; show every error at once.",
    "doctor": "Check credentials, permissions and the groups themselves, changing nothing.",
    "run": "Evaluate every target, each interval, until stopped. Dry run by default.",
    "once": "Evaluate every target once and exit.",
    "status": "Show what every target is doing and what holds it back.",
    "explain": "Explain a decision: what was seen, proposed, clamped and blocked.",
    "ledger": "List decisions and what came of them.",
    "replay": "Run the ledger through the engine again and compare, byte for byte.",
    "pause": "Stop acting on a target for a while; keep evaluating.",
    "resume": "End a pause or an override.",
    "override": "Hold a target at a capacity for a while.",
    "backtest": "Replay a load through the same engine; compare cost and violations.",
    "compare": "Compare configurations and baselines on the same load, for people and CI.",
    "forecast": "Score the forecasters on a recorded load.",
    "ab": "Report on A/B tests of live targets; plan how long one must run.",
    "history": "Pull recorded load from CloudWatch or Prometheus to a file.",
    "generate": "Make a synthetic load, to try configurations on.",
    "demo": "Scale a local Auto Scaling Group on real load; no account needed.",
    "schema": "Print the JSON Schema of the configuration, for editors.",
}


class LazyGroup(TyperGroup):
    """A group that imports a command when it is used, not when it is listed."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the group's own signature
        """The commands in the order of a user's path through them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now; only a stub with its help line where help is all that is wanted."""
        if cmd_name not in COMMANDS:
            return None
        if ctx.obj == "listing":
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        return load_command(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing them."""
        ctx.obj = "listing"
        super().format_help(ctx, formatter)


def load_command(name: str) -> Any:
    """Import one command and make it click's; a group where its module has `SUBCOMMANDS`."""
    module = import_module(f"forescale.cli.{name}")
    function = getattr(module, name)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    below = getattr(module, "SUBCOMMANDS", {})
    for sub, command in below.items():
        app.command(sub, help=_flowing(command.__doc__ or ""))(command)
    text = _flowing(function.__doc__ or "")
    add = app.callback(help=text, no_args_is_help=True) if below else app.command(name, help=text)
    add(function)
    return typer.main.get_command(app)


def _flowing(doc: str) -> str:
    """A docstring as help: its lines joined, to break where the terminal ends; examples stay as they are.

    Rich would keep its line breaks, and take the indentation from an example that comes first.
    """
    from inspect import cleandoc

    from rich.markup import escape

    lines: list[str] = []
    for line in cleandoc(doc).split("\n"):
        if line.startswith(" "):
            lines.append(f"[cyan]{escape(line)}[/]")
        elif line and lines and lines[-1] and not lines[-1].startswith("[cyan]"):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with [bold]forescale demo[/], then [bold]forescale init[/]. "
    "Exit codes: 0 done, 1 failed or found wrong, 2 wrong usage, configuration or trace, 3 ledger, "
    "4 cloud or another outside party.",
)


def _version(value: bool) -> None:
    if value:
        from forescale import __version__

        typer.echo(f"forescale {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Capacity that is ready when the load arrives."""


def _first(error: Exception) -> "ForescaleError | None":
    """The first error of ours in a group of errors, however deep."""
    from forescale.model.errors import ForescaleError

    if isinstance(error, ExceptionGroup):
        return next((found for e in error.exceptions if (found := _first(e))), None)
    return error if isinstance(error, ForescaleError) else None


def main() -> None:
    """Entry point: run the command; print an error as a person would want it."""
    from forescale.cli.console import fail
    from forescale.model.errors import ForescaleError

    try:
        app()
    except ForescaleError as error:
        fail(error)
    except ExceptionGroup as group:  # out of tasks that ran side by side
        known = _first(group)
        if known is None:
            raise
        fail(known)
