"""`forescale explain`."""

from typing import Annotated

import typer

from forescale.cli.console import out, print_json
from forescale.cli.options import DEFAULT_FILE, FileOption, Json
from forescale.model.errors import ForescaleError


def explain(
    decision: Annotated[
        str | None, typer.Argument(help="A decision, such as web-42, or a target; left out: every target.")
    ] = None,
    file: FileOption = DEFAULT_FILE,
    json: Json = False,
) -> None:
    """Explain a decision: what was seen, proposed, clamped and blocked, and what came of it.

    Without an id, the newest decision of each target.

      forescale explain web-42
    """
    from forescale.cli.book import open_ledger
    from forescale.ui.render import explanation

    with open_ledger(file) as (config, ledger):
        if decision is None or decision in config.targets:
            names = list(config.targets) if decision is None else [decision]
            found = [d for name in names if (d := ledger.latest_decision(name))]
        else:
            one = ledger.decision(decision)
            found = [one] if one else []
        actions = {d.id: ledger.action(d.id) for d in found}
    if not found:
        raise ForescaleError(
            f"there is no decision {decision!r} in the ledger" if decision else "no decision was made yet",
            hint="list them: forescale ledger",
        )
    if json:
        outcomes = [(d, actions[d.id]) for d in found]
        print_json([{"decision": d, "outcome": action and action.outcome} for d, action in outcomes])
        return
    for i, item in enumerate(found):
        action = actions[item.id]
        if i:
            out.print()
        out.print(explanation(item, action.outcome if action else None))
