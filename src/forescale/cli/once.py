"""`forescale once`."""

import asyncio

from forescale.cli.console import out, print_json
from forescale.cli.options import DEFAULT_FILE, DryRun, File, Json


def once(file: File = DEFAULT_FILE, dry_run: DryRun = None, json: Json = False) -> None:
    """Evaluate every target once, show the decisions, and exit.

    Recorded as by [bold]forescale run[/]; the history that policies look at is read from the
    source, so a first call can already decide. Exit code 4 if a target could not be observed.

      forescale once --json | jq '.[].desired'
    """
    import typer

    from forescale.config import load
    from forescale.model.effect import Decided
    from forescale.model.journal import Entry
    from forescale.runtime import log
    from forescale.runtime.clock import SystemClock
    from forescale.runtime.session import open_session
    from forescale.ui.render import summary

    config = load(file)
    if dry_run is not None:
        config = config.model_copy(update={"dry_run": dry_run})
    log.configure(config.log.format, "warning" if config.log.level == "info" else config.log.level)
    entries: list[Entry] = []
    with open_session(config, SystemClock(), watch=entries.append) as session:
        asyncio.run(session.runtime.once())
    decisions = [e.decision for entry in entries for e in entry.effects if isinstance(e, Decided)]
    if json:
        print_json(decisions)
    else:
        for decision in decisions:
            out.print(summary(decision))
    unseen = {b.rule for d in decisions for b in d.blockers} >= {"fleet_unknown"}
    if unseen or len(decisions) < len(config.targets):
        raise typer.Exit(4)
