"""`forescale doctor`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from forescale.cli.console import out, print_json
from forescale.cli.options import DEFAULT_FILE, File, Json

if TYPE_CHECKING:
    from forescale.aws.doctor import Check

_MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[bold red]✗[/]", "unknown": "[blue]?[/]"}


def doctor(file: File = DEFAULT_FILE, json: Json = False) -> None:
    """Check credentials, permissions and the groups themselves, changing nothing.

    Looks at what a run would need, and at what would work against it: a group or region that
    is not there, stale metrics, suspended processes, other scaling policies, rebalancing,
    refreshes, Terraform. Exit code 1 if any check fails.

      forescale doctor forescale.yaml
      forescale doctor --json | jq '.[] | select(.verdict != "ok")'
    """
    import asyncio

    from forescale.aws import Clients
    from forescale.config import load
    from forescale.runtime.clock import SystemClock
    from forescale.runtime.doctor import examine

    config = load(file)
    clients = Clients(config.aws, writable=False)
    try:
        checks = asyncio.run(examine(config, clients, SystemClock()))
    finally:
        clients.close()
    if json:
        print_json([_fields(check) for check in checks])
    else:
        _print(checks)
    if any(check.verdict == "fail" for check in checks):
        raise typer.Exit(1)


def _fields(check: "Check") -> dict[str, Any]:
    return {name: getattr(check, name) for name in ("target", "name", "verdict", "text", "hint")}


def _print(checks: Sequence["Check"]) -> None:
    from rich.markup import escape
    from rich.table import Table

    for target in dict.fromkeys(check.target for check in checks):
        out.print(f"[bold]{escape(target) or 'account'}[/]")
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=True)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for check in checks:
            if check.target == target:
                hint = f"\n[dim]→ {escape(check.hint)}[/]" if check.hint else ""
                table.add_row(_MARKS[check.verdict], check.name, escape(check.text) + hint)
        out.print(table)
    count = {mark: sum(check.verdict == mark for check in checks) for mark in _MARKS}
    out.print(f"{count['ok']} fine, {count['warn']} to look at, {count['fail']} failed")
